import * as Args from '@oclif/core/args';
import { NeoCommand } from '../cli/base-command.ts';
import { forgetFlags, forgetOptions } from '../cli/forget-flags.ts';
import {
  decisionColumns,
  decisionJson,
  decisionRow,
  forgetSummaryJson,
  forgetSummaryText,
  groupTitle,
} from '../cli/forget-report.ts';
import { graceFloor } from '../cli/grace-floor.ts';
import { openFromFlags } from '../cli/open.ts';
import { forget } from '../tasks/forget.ts';

export default class Forget extends NeoCommand {
  static override summary = 'Put snapshots in the trash: some by name, or all that no rule keeps';
  static override description =
    'Rules go together: what one of them keeps stays. They are applied to each group of the same host and paths, and ' +
    'always to those of one key alone. Times are when the storage received a snapshot; of a day, or another period, ' +
    'the first one stays. The newest complete one of a group stays whatever the rules say, and so do pinned ones. ' +
    'Without rules and names it goes by what `neo policy set` has stored. Nothing is deleted: ' +
    '`neo undo` brings back what went last.';
  static override examples = [
    '<%= config.bin %> forget --keep-last 3 --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run',
    '<%= config.bin %> forget --keep-within 30d --keep-tag important --path ~/work',
    '<%= config.bin %> forget --keep-yearly all --group-by host --yes',
    '<%= config.bin %> forget 2829f3c9 latest~4',
  ];
  static override strict = false;
  static override args = {
    snapshot: Args.string({ required: false, description: 'These: the start of an id, latest, latest~2 …' }),
  };
  static override flags = forgetFlags;

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Forget);
    const options = forgetOptions(flags, argv.map(String));
    const { repository, state } = await openFromFlags(flags, this.out);
    const about = { program: this.config.userAgent, ...graceFloor(this.out) };
    const summary = await forget(repository, state, { ...options, ...about }, this.events);
    this.endProgress();
    for (const group of summary.groups) {
      for (const decision of group.decisions) await this.out.object('decision', decisionJson(group, decision));
      await this.out.line(groupTitle(group));
      await this.out.table(decisionColumns, group.decisions.map(decisionRow));
      await this.out.line('');
    }
    await this.out.record('summary', forgetSummaryJson(summary, options), forgetSummaryText(summary, options));
  }
}
