import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { PlainCommand } from '../../cli/base-command.ts';
import { dataRootFlag, dataRootOf } from '../../cli/data-root.ts';
import { systemClock } from '../../core/clock.ts';
import { restoreServer } from '../../server/backup.ts';

export default class ServeRestore extends PlainCommand {
  static override summary = 'Bring back what neo serve backup copied, while no server runs there';
  static override description =
    'What each target holds is counted anew at the next start. Devices, tokens and grants are those of the day of the copy: ' +
    'whoever was revoked since then is let in again.';
  static override examples = [
    '<%= config.bin %> serve restore /mnt/safe/neo-2026-12-01 --data-root /var/lib/neo',
    '<%= config.bin %> serve restore /mnt/safe/neo-2026-12-01 --data-root /var/lib/neo --force',
  ];
  static override args = { folder: Args.string({ required: true, description: 'that neo serve backup made' }) };
  static override flags = {
    ...dataRootFlag,
    force: Flags.boolean({ summary: 'Also where there is a server already; what it knew is kept aside.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ServeRestore);
    const dataRoot = dataRootOf(flags);
    const from = resolve(args.folder);
    const { files, aside } = await restoreServer({ from, dataRoot, force: flags.force, now: systemClock.now() });
    for (const name of aside) this.out.note(`kept aside: ${name}`);
    await this.out.record('summary', { folder: from, dataRoot, files, aside }, `${dataRoot}: ${files.join(', ')}`);
  }
}
