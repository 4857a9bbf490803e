/** Files of the disk that have other bytes than a snapshot, though nobody wrote to them: the side of `neo verify-source`. */
import type { IndexedRepository } from '../repo/indexed.ts';
import { selectSnapshot } from '../snapshot/select.ts';
import { type Difference, type DiffMeans, type DiffTally, diffTrees } from './diff.ts';
import { pairsOf } from './diff-pairs.ts';
import type { VisibleSnapshots } from './snapshots.ts';

export interface SourceTally extends DiffTally {
  /** Changed in the ordinary way: their size or time tells. */
  changed: number;
  /** Those that {@link verifySource} gave. */
  damaged: number;
}

export interface BadFile {
  readonly path: Uint8Array;
  /** That it is not what it was in. */
  readonly snapshot: string;
}

/**
 * @param reference of a snapshot; `latest` is the latest one in which the path can lie
 * @throws NeoError as selectSnapshot; failed for a path that is nowhere; interrupted
 */
export async function* verifySource(
  repository: IndexedRepository,
  look: VisibleSnapshots,
  { path, reference }: { readonly path: Uint8Array; readonly reference: string },
  means: DiffMeans,
  tally: SourceTally,
): AsyncGenerator<BadFile> {
  const { name } = selectSnapshot(look.snapshots, reference, { hosts: [], tags: [], paths: [path] }, look);
  for (const [before, after] of await pairsOf(repository, look, [{ snapshot: name, path }, undefined], means.events)) {
    for await (const difference of diffTrees(before, after, { metadata: false }, means, tally)) {
      if (isSilent(difference)) {
        tally.damaged += 1;
        yield { path: difference.path, snapshot: name };
      } else tally.changed += 1;
    }
  }
}

/** Size and time of the last change are as they were. */
function isSilent({ change, before, after }: Difference): boolean {
  const [old, now] = [before?.node, after?.node];
  return change === 'content' && old?.type === 'file' && old.size === now?.size && old.mtime === now.mtime;
}
