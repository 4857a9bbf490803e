import { availableParallelism } from 'node:os';
import { NeoCommand } from '../../cli/base-command.ts';
import { openFromFlags } from '../../cli/open.ts';
import { reportRestore, reportStep } from '../../cli/restore-report.ts';
import { applyArgs, applyFlags } from '../../cli/stash-apply.ts';
import { loadIndex } from '../../repo/indexed.ts';
import type { RestoreAction } from '../../tasks/restore.ts';
import { lookAtSnapshots } from '../../tasks/snapshots.ts';
import { selectStash } from '../../tasks/stash.ts';
import { applyStash } from '../../tasks/stash-apply.ts';

export default class StashApply extends NeoCommand {
  static override summary = 'Put a stash back to where it came from';
  static override description =
    'What was there is written over, if it is in some snapshot or stash as it is now; otherwise nothing is done, unless --overwrite is said. What the disk has beside it stays, and so does the stash.';
  static override examples = ['<%= config.bin %> stash apply', '<%= config.bin %> stash apply 2 --dry-run'];
  static override args = applyArgs;
  static override flags = applyFlags;

  async run(): Promise<void> {
    const { args, flags } = await this.parse(StashApply);
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const stash = selectStash(look, args.stash);
    const steps: RestoreAction[] = [];
    const dryRun = flags['dry-run'];
    const options = {
      overwrite: flags.overwrite,
      dryRun,
      workers: availableParallelism(),
      onAction: (step: RestoreAction) => steps.push(step),
    };
    const indexed = await loadIndex(repository, 0);
    const summary = await applyStash(indexed, look, stash, options, this.events, this.signal);
    this.endProgress();
    for (const step of steps) if (dryRun && step.action !== 'unchanged') await reportStep(this.out, step);
    await reportRestore(this.out, stash.name, summary, dryRun);
  }
}
