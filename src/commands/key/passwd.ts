import * as Args from '@oclif/core/args';
import { NeoCommand } from '../../cli/base-command.ts';
import { newPasswordFlags, readNewPassword } from '../../cli/key-flags.ts';
import { openFromFlags } from '../../cli/open.ts';
import { changePassword, passwordKey } from '../../tasks/keys.ts';
import { watchRollback } from '../../tasks/rollback.ts';

export default class KeyPasswd extends NeoCommand {
  static override summary = 'Change a password';
  static override description =
    'The new one is asked for twice, or comes from NEO_NEW_PASSWORD_COMMAND, NEO_NEW_PASSWORD_FILE or ' +
    'NEO_NEW_PASSWORD. It works before the old one ends. Label, role and expiry stay; all other keys are left alone. ' +
    'Needs a key of role full.';
  static override examples = ['<%= config.bin %> key passwd', '<%= config.bin %> key passwd "Ann, at home"'];
  static override args = {
    key: Args.string({ description: 'Label, or an id or its start. Default: the key in use.', required: false }),
  };
  static override flags = newPasswordFlags;

  async run(): Promise<void> {
    const { args, flags } = await this.parse(KeyPasswd);
    const { repository, state } = await openFromFlags(flags, this.out);
    await watchRollback(repository, state, this.events);
    const { label } = await passwordKey(repository, args.key);
    const password = await readNewPassword(flags, this.out, `New password of ${JSON.stringify(label)}`);
    const { added, removed } = await changePassword(repository, args.key, password);
    const body = { id: added, label, replaced: removed.id };
    await this.out.record('summary', body, `changed the password of ${label}: its key is now ${added.slice(0, 8)}`);
  }
}
