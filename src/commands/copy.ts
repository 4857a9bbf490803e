import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { copyFilterFlags } from '../cli/copy-flags.ts';
import { reportCopy } from '../cli/copy-report.ts';
import { openFromFlags } from '../cli/open.ts';
import { openOther, otherFlags } from '../cli/other-repository.ts';
import { chosenBy, copyBetween } from '../tasks/copy-between.ts';

export default class Copy extends NeoCommand {
  static override summary = 'Copy snapshots into another repository';
  static override description =
    'All snapshots and stashes, or those that are named or that the filters keep. What is there already is not copied ' +
    'again, so an interrupted run goes on where it was, and a timer can run it each night. Copies count as old as they ' +
    'were, and the other repository has its own keys and rules. If it was made with `init --copy-secrets-from`, blobs ' +
    'are copied as they lie and nothing is stored twice; otherwise everything is decrypted, cut and sealed anew.';
  static override examples = [
    '<%= config.bin %> copy --to /mnt/usb/neo --other-password-file ~/.usb-password',
    '<%= config.bin %> copy --to mirror latest --dry-run',
    '<%= config.bin %> copy --to mirror --host laptop --tag monthly',
  ];
  static override strict = false;
  static override args = {
    snapshot: Args.string({ required: false, description: 'Only these: the start of an id, latest, latest~2 …' }),
  };
  static override flags = {
    to: Flags.string({
      required: true,
      helpValue: 'LOCATION',
      summary: 'The other repository: a location, or a name from the configuration.',
    }),
    ...copyFilterFlags,
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say what would be copied.' }),
    ...otherFlags,
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Copy);
    const own = await openFromFlags(flags, this.out);
    const other = await openOther(flags.to, flags, this.out);
    const pick = chosenBy({ ...flags, references: argv.map(String) });
    const means = { named: argv.length > 0, dryRun: flags['dry-run'], events: this.events, signal: this.signal };
    const summary = await copyBetween(own, other, pick, means);
    this.endProgress();
    await reportCopy(this.out, summary, flags['dry-run']);
  }
}
