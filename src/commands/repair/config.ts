import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { openFromFlags } from '../../cli/open.ts';
import { reportConfigRepair } from '../../cli/repair-config-report.ts';
import { repairConfig } from '../../tasks/repair-config.ts';

export default class RepairConfig extends NeoCommand {
  static override summary = 'Decide between two configurations of one epoch';
  static override description =
    'When two people rotate keys in the same moment, or one of them is cut off, two valid configurations can claim the ' +
    'same epoch. Snapshots can still be read and restored, and nothing is written until it is decided which one counts. ' +
    'Without --keep they are shown, with what was made under each. The others are removed with the keys that were ' +
    'renewed for them; all keys that stay have been renewed for the one that is kept, too.';
  static override examples = [
    '<%= config.bin %> repair config',
    '<%= config.bin %> repair config --keep 3f0c51d2 --dry-run',
    '<%= config.bin %> repair config --keep 3f0c51d2',
  ];
  static override flags = {
    keep: Flags.string({ helpValue: 'ID', summary: 'This one counts, and the others go.' }),
    yes: Flags.boolean({ summary: 'Also if snapshots were made under one that goes: nobody can open them then.' }),
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say what would be removed.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(RepairConfig);
    const { repository } = await openFromFlags(flags, this.out);
    const { keep, yes: evenUsed, 'dry-run': dryRun } = flags;
    const summary = await repairConfig(repository, { evenUsed, dryRun, ...(keep === undefined ? {} : { keep }) });
    await reportConfigRepair(this.out, summary, dryRun);
  }
}
