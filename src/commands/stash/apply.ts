import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { openFromFlags } from '../../cli/open.ts';
import { reportRestore, reportStep } from '../../cli/restore-report.ts';
import { threads } from '../../cli/threads.ts';
import { loadKnownIndex } from '../../repo/indexed.ts';
import { dropSnapshots } from '../../tasks/forget.ts';
import type { RestoreAction } from '../../tasks/restore.ts';
import { lookAtSnapshots } from '../../tasks/snapshots.ts';
import { selectStash } from '../../tasks/stash.ts';
import { applyStash } from '../../tasks/stash-apply.ts';

export default class StashApply extends NeoCommand {
  static override summary = 'Put a stash back to where it came from';
  static override description =
    'What was there is written over, if it is in some snapshot or stash as it is now; otherwise nothing is done, unless ' +
    '--overwrite is said. What the disk has beside it stays, and so does the stash.';
  static override examples = ['<%= config.bin %> stash apply', '<%= config.bin %> stash apply 2 --dry-run'];
  static override args = {
    stash: Args.string({ default: '0', description: 'Number in the list, or start of an id.' }),
  };
  static override flags = {
    overwrite: Flags.boolean({ summary: 'Also where the disk has a content that is saved nowhere.' }),
    'dry-run': Flags.boolean({ char: 'n', summary: 'Say what would be done, and do nothing.' }),
  };

  async run(): Promise<void> {
    await this.putBack(false);
  }

  /** @param isDropped the stash goes to the trash when all of it is back */
  protected async putBack(isDropped: boolean): Promise<void> {
    const { args, flags } = await this.parse(StashApply);
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const stash = selectStash(look, args.stash);
    const steps: RestoreAction[] = [];
    const dryRun = flags['dry-run'];
    const options = {
      overwrite: flags.overwrite,
      dryRun,
      ...threads(),
      onAction: (step: RestoreAction) => steps.push(step),
    };
    const indexed = await loadKnownIndex(repository, state);
    const summary = await applyStash(indexed, look, stash, options, this.events, this.signal);
    this.endProgress();
    for (const step of steps) if (dryRun && step.action !== 'unchanged') await reportStep(this.out, step);
    if (isDropped && !dryRun) await dropSnapshots(repository, look, [stash.name]);
    await reportRestore(this.out, stash.name, summary, dryRun);
  }
}
