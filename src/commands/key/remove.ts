import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { openFromFlags } from '../../cli/open.ts';
import { removeKey } from '../../tasks/keys.ts';
import { watchRollback } from '../../tasks/rollback.ts';

export default class KeyRemove extends NeoCommand {
  static override summary = 'Remove what opens the repository';
  static override description =
    'The password, key file or recovery key opens the repository no more. Whoever kept a copy of the repository, or ' +
    'the key file, can still read what was written so far. The last key of role full cannot be removed.';
  static override examples = [
    '<%= config.bin %> key remove laptop',
    '<%= config.bin %> key remove 3f2a9c01',
    '<%= config.bin %> key remove "first password" --yes',
  ];
  static override args = { key: Args.string({ required: true, description: 'Label, or an id or its start.' }) };
  static override flags = { yes: Flags.boolean({ char: 'y', summary: 'Even if it is the key in use.' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(KeyRemove);
    const { repository, state } = await openFromFlags(flags, this.out);
    await watchRollback(repository, state, this.events);
    const { id, label, role, method } = await removeKey(repository, args.key, { evenCurrent: flags.yes });
    await this.out.record('summary', { id, label, role }, `removed key ${id.slice(0, 8)} (${label})`);
    if (method === 'key') this.out.note('a copy of the key file still opens what it could open: destroy it');
  }
}
