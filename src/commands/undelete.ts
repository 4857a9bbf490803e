import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { openFromFlags } from '../cli/open.ts';
import { reportRestore, reportStep } from '../cli/restore-report.ts';
import { threads } from '../cli/threads.ts';
import { utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { requireFeatures } from '../repo/config.ts';
import { type IndexedRepository, loadKnownIndex } from '../repo/indexed.ts';
import { historySource } from '../tasks/history.ts';
import { type RestoreAction, restore, throwIfRefused } from '../tasks/restore.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';
import { type Deleted, findDeleted } from '../tasks/undelete.ts';

interface Wishes {
  readonly to: string | undefined;
  readonly dryRun: boolean;
}

export default class Undelete extends NeoCommand {
  static override summary = 'Bring back files and directories that were deleted, to where they were';
  static override description =
    'Out of the last snapshot that has them, with mode, owner and times; directories that led to them, too. What is ' +
    'there is not touched: a path at which something stands is refused, before anything is written. To look for names: ' +
    'neo find --deleted.';
  static override examples = [
    '<%= config.bin %> undelete ~/work/report.odt',
    '<%= config.bin %> undelete report.odt drafts --dry-run',
    '<%= config.bin %> undelete ~/work/old --to /tmp/look',
  ];
  static override strict = false;
  static override args = { path: Args.string({ required: true, description: 'As it was on the disk.' }) };
  static override flags = {
    to: Flags.string({ char: 't', helpValue: 'DIR', summary: 'Into this directory instead.' }),
    host: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME',
      summary: 'Only out of snapshots of this host.',
    }),
    'dry-run': Flags.boolean({ char: 'n', summary: 'Say what would be done, and do nothing.' }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Undelete);
    const paths = argv.map((path) => utf8(resolve(String(path))));
    const { repository, state } = await openFromFlags(flags, this.out);
    requireFeatures(repository.config, 'read');
    const look = await lookAtSnapshots(repository, state, this.events);
    const indexed = await loadKnownIndex(repository, state);
    const found: Deleted[] = [];
    for (const path of paths) {
      found.push(
        await findDeleted(historySource(indexed, look), look.snapshots, path, flags.to === undefined, this.events),
      );
    }
    for (const deleted of found) await this.#bringBack(indexed, deleted, { to: flags.to, dryRun: flags['dry-run'] });
  }

  async #bringBack(repository: IndexedRepository, { path, snapshot }: Deleted, { to, dryRun }: Wishes): Promise<void> {
    const steps: RestoreAction[] = [];
    const summary = await restore(
      repository,
      {
        snapshot: snapshot.body,
        path,
        destination: to === undefined ? { type: 'in-place' } : { type: 'directory', path: resolve(to) },
        overwrite: 'never',
        dryRun,
        ...threads(),
        onAction: (step) => steps.push(step),
      },
      this.events,
      this.signal,
    );
    this.endProgress();
    for (const step of steps) if (dryRun && step.action !== 'unchanged') await reportStep(this.out, step);
    await reportRestore(this.out, snapshot.name, summary, dryRun);
    throwIfRefused(summary);
    if (summary.filesSkipped > 0) {
      throw new NeoError('failed', 'something came to stand there meanwhile, and was left as it is');
    }
    if (summary.errors > 0 || summary.metadataProblems > 0) this.exitWith(3);
  }
}
