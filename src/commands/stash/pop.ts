import { availableParallelism } from 'node:os';
import { NeoCommand } from '../../cli/base-command.ts';
import { openFromFlags } from '../../cli/open.ts';
import { reportRestore, reportStep } from '../../cli/restore-report.ts';
import { applyArgs, applyFlags } from '../../cli/stash-apply.ts';
import { loadIndex } from '../../repo/indexed.ts';
import { dropSnapshots } from '../../tasks/forget.ts';
import type { RestoreAction } from '../../tasks/restore.ts';
import { lookAtSnapshots } from '../../tasks/snapshots.ts';
import { selectStash } from '../../tasks/stash.ts';
import { applyStash } from '../../tasks/stash-apply.ts';

export default class StashPop extends NeoCommand {
  static override summary = 'Put a stash back to where it came from, and drop it';
  static override description =
    'As neo stash apply; when all is back the stash goes to the trash: neo undo brings it back.';
  static override examples = ['<%= config.bin %> stash pop', '<%= config.bin %> stash pop 2 --dry-run'];
  static override args = applyArgs;
  static override flags = applyFlags;

  async run(): Promise<void> {
    const { args, flags } = await this.parse(StashPop);
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
    if (!dryRun) await dropSnapshots(repository, state, [stash.name], this.events);
    await reportRestore(this.out, stash.name, summary, dryRun);
  }
}
