import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import { NeoCommand } from '../cli/base-command.ts';
import type { RepositoryFlags } from '../cli/flags.ts';
import { openFromFlags } from '../cli/open.ts';
import { type RestoreFlags, restoreFilter, restoreFlags, restoreValues } from '../cli/restore-flags.ts';
import { reportRestore, reportStep } from '../cli/restore-report.ts';
import { openShareFile, shareFlag } from '../cli/share.ts';
import { parseWhen } from '../cli/when.ts';
import { utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { requireFeatures } from '../repo/config.ts';
import { loadKnownIndex } from '../repo/indexed.ts';
import { requireFull } from '../repo/repository.ts';
import { filterSnapshots } from '../snapshot/filter.ts';
import { sharedHostNote } from '../snapshot/maker.ts';
import { selectSnapshot, splitReference } from '../snapshot/select.ts';
import { historySource } from '../tasks/history.ts';
import { type RestoreAction, restore, throwIfRefused } from '../tasks/restore.ts';
import { pathInShare, sharedSnapshot } from '../tasks/shared.ts';
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
    '<%= config.bin %> restore --share talk.share --to talk',
    '<%= config.bin %> restore 2829f3c9 --in-place --include "*.conf" --dry-run',
  ];
  static override args = {
    snapshot: Args.string({
      description:
        'SNAPSHOT[:PATH]: latest (as without it), latest~2, or the start of an id; with --version or --share a path.',
    }),
  };
  static override flags = {
    ...restoreFlags,
    share: shareFlag(['at', 'host', 'tag', 'path', 'version', 'in-place']),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Restore);
    const { source, name, body, path } =
      flags.share === undefined
        ? await this.#ofSnapshot(args.snapshot ?? 'latest', flags)
        : await this.#ofShare(flags.share, args.snapshot, flags);
    const steps: RestoreAction[] = [];
    const options = {
      ...restoreValues(flags),
      ...(path === undefined ? {} : { path }),
      ...(flags['dry-run'] ? { onAction: (step: RestoreAction) => steps.push(step) } : {}),
      snapshot: body,
    };
    const summary = await restore(source, options, this.events, this.signal);
    this.endProgress();
    for (const step of steps) if (step.action !== 'unchanged') await reportStep(this.out, step);
    await reportRestore(this.out, name, summary, flags['dry-run']);
    throwIfRefused(summary);
    if (summary.errors > 0 || summary.metadataProblems > 0) this.exitWith(3);
  }

  async #ofSnapshot(argument: string, flags: WhichFlags) {
    const until = flags.at === undefined ? undefined : await parseWhen(flags.at, new Date());
    const { snapshot: reference, path: inside } = splitReference(argument);
    const { repository, state } = await openFromFlags(flags, this.out);
    requireFull(repository, 'restore');
    requireFeatures(repository.config, 'read');
    const look = await lookAtSnapshots(repository, state, this.events);
    const source = await loadKnownIndex(repository, state);
    const filter = restoreFilter(flags, until);
    const { version } = flags;
    const { last: chosen, path } =
      version === undefined
        ? { last: selectSnapshot(look.snapshots, reference, filter, look), path: inside }
        : await findVersion(
            historySource(source, look),
            filterSnapshots(look.snapshots, filter),
            utf8(resolve(argument)),
            version,
            this.events,
          );
    const isLatest = version === undefined && reference.startsWith('latest');
    const note = isLatest ? sharedHostNote(look.snapshots, chosen) : undefined;
    if (note !== undefined) this.events({ type: 'note', message: note });
    return { source, name: chosen.name, body: chosen.body, path };
  }

  async #ofShare(share: string, argument: string | undefined, flags: WhichFlags) {
    if (flags.to === undefined)
      throw new NeoError('usage', 'say where to restore a share to', { hint: 'use --to DIR' });
    const { source, body, file } = await openShareFile(share, flags, this.out);
    return { source, ...sharedSnapshot(file.share, body), path: pathInShare(argument ?? '/') };
  }
}

type WhichFlags = RepositoryFlags &
  RestoreFlags & { readonly at?: string | undefined; readonly version?: number | undefined };
