import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import { NeoCommand } from '../cli/base-command.ts';
import { openFromFlags } from '../cli/open.ts';
import { restoreFilter, restoreFlags, restoreValues } from '../cli/restore-flags.ts';
import { reportRestore, reportStep } from '../cli/restore-report.ts';
import { parseWhen } from '../cli/when.ts';
import { utf8 } from '../core/bytes.ts';
import { requireFeatures } from '../repo/config.ts';
import { loadIndex } from '../repo/indexed.ts';
import { requireFull } from '../repo/repository.ts';
import { filterSnapshots } from '../snapshot/filter.ts';
import { sharedHostNote } from '../snapshot/maker.ts';
import { selectSnapshot, splitReference } from '../snapshot/select.ts';
import { historySource } from '../tasks/history.ts';
import { type RestoreAction, restore, throwIfRefused } from '../tasks/restore.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';
import { findVersion } from '../tasks/versions.ts';

export default class Restore extends NeoCommand {
  static override summary = 'Bring files back from a snapshot';
  static override description = `Without --to and --in-place it restores next to the original, under a name with the
snapshot's time, and overwrites nothing. Over an existing copy only what differs is read from the repository.`;
  static override examples = [
    '<%= config.bin %> restore',
    '<%= config.bin %> restore --at yesterday',
    '<%= config.bin %> restore latest --to /tmp/back',
    '<%= config.bin %> restore latest~2:/home/me/work/report.odt --to .',
    '<%= config.bin %> restore report.odt --version 3 --to /tmp/back',
    '<%= config.bin %> restore 2829f3c9 --in-place --include "*.conf" --dry-run',
  ];
  static override args = {
    snapshot: Args.string({
      description: 'SNAPSHOT[:PATH]: latest, latest~2, or the start of an id; with --version a path.',
      default: 'latest',
    }),
  };
  static override flags = restoreFlags;

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Restore);
    const until = flags.at === undefined ? undefined : await parseWhen(flags.at, new Date());
    const { snapshot: reference, path: inside } = splitReference(args.snapshot);
    const { repository, state } = await openFromFlags(flags, this.out);
    requireFull(repository, 'restore');
    requireFeatures(repository.config, 'read');
    const look = await lookAtSnapshots(repository, state, this.events);
    const indexed = await loadIndex(repository);
    const filter = restoreFilter(flags, until);
    const { version } = flags;
    const { last: chosen, path } =
      version === undefined
        ? { last: selectSnapshot(look.snapshots, reference, filter, look), path: inside }
        : await findVersion(
            historySource(indexed, look),
            filterSnapshots(look.snapshots, filter),
            utf8(resolve(args.snapshot)),
            version,
            this.events,
          );
    const { name, body } = chosen;
    const isLatest = version === undefined && reference.startsWith('latest');
    const note = isLatest ? sharedHostNote(look.snapshots, chosen) : undefined;
    if (note !== undefined) this.events({ type: 'note', message: note });
    const steps: RestoreAction[] = [];
    const options = {
      ...restoreValues(flags),
      ...(path === undefined ? {} : { path }),
      ...(flags['dry-run'] ? { onAction: (step: RestoreAction) => steps.push(step) } : {}),
      snapshot: body,
    };
    const summary = await restore(indexed, options, this.events, this.signal);
    this.endProgress();
    for (const step of steps) if (step.action !== 'unchanged') await reportStep(this.out, step);
    await reportRestore(this.out, name, summary, flags['dry-run']);
    throwIfRefused(summary);
    if (summary.errors > 0 || summary.metadataProblems > 0) this.exitWith(3);
  }
}
