/** Deletes what old tombs name, after what a snapshot needs of it was copied (docs/decisions/0010-prune.md). */
import type { EventSink } from '../../core/events.ts';
import type { ObjectName } from '../../core/ids.ts';
import { TOMBS_KEPT } from '../../repo/grace.ts';
import { packPath } from '../../repo/pack-check.ts';
import { rewriteSegments } from '../../repo/segment-rewrite.ts';
import { removeSilentSessions } from '../../repo/session.ts';
import { putMarks, putSwept, removeTomb, type Tomb } from '../../repo/tomb.ts';
import type { BlobTable } from '../check/blob-table.ts';
import { type CopyHooks, copyOut } from './copy.ts';
import type { View } from './look.ts';
import type { Swept } from './options.ts';
import { refreshIn } from './shares.ts';

/**
 * Carries out `due`. `live`: everything that is reached from snapshots that stay. The order is that in which each prefix
 * is a whole repository: copies, segments with them, no snapshots that go, segments without what goes, no packs that go,
 * the word that it is done.
 * @throws NeoError no-space, unreachable
 */
export async function sweep(
  view: View,
  live: BlobTable,
  due: readonly Tomb[],
  hooks: CopyHooks & { readonly events: EventSink },
): Promise<Swept> {
  const { repository, packs } = view;
  const { backend } = repository;
  const named = new Set(due.flatMap((tomb) => tomb.packs));
  const { blobs: rescued, failed } = await copyOut(view, live, named, hooks);
  for (const name of failed) {
    const message = `pack ${name.slice(0, 8)} stays: something in it is needed, and cannot be copied; see: neo check`;
    hooks.events({ type: 'warning', message, code: 'integrity' });
  }
  for (const tomb of due) await putMarks(repository, tomb.path, tomb);
  // Before what they need: a snapshot that is listed is whole.
  const snapshots = snapshotsToDelete(view, due);
  for (const name of snapshots) await backend.remove(`snapshots/${name}`);
  const gone = new Set([...named].filter((name) => !failed.has(name)));
  // Also what earlier sweeps left: packs that are gone, and that some segment may name.
  const alsoGone = [...view.tombs.packs].filter((name) => !packs.has(name));
  await rewriteSegments(repository, new Set([...gone, ...alsoGone]));
  await refreshIn(view, gone, hooks.events);
  let deleted = 0;
  let bytes = 0;
  for (const name of gone) {
    const pack = packs.get(name);
    if (pack === undefined) continue;
    await backend.remove(packPath(name));
    deleted += 1;
    bytes += pack.size;
    hooks.onPack(0);
  }
  await markSwept(view, due, failed);
  await removeOldTombs(view, due);
  await removeSilentSessions(repository, view.time);
  return { packs: deleted, bytes, snapshots: snapshots.length, rescued };
}

/** Those that the tombs did not count, and whose trash has still ended. */
export function snapshotsToDelete({ snapshots, ended }: View, due: readonly Tomb[]): ObjectName[] {
  const named = new Set(due.flatMap(({ uncounted }) => uncounted));
  return snapshots.map(({ name }) => name).filter((name) => named.has(name) && ended.has(name));
}

async function markSwept(view: View, due: readonly Tomb[], failed: ReadonlySet<ObjectName>): Promise<void> {
  const done = due.filter(({ packs }) => !packs.some((name) => failed.has(name)));
  const byGeneration = Map.groupBy(done, ({ generation }) => generation);
  for (const [generation, tombs] of byGeneration) {
    await putSwept(
      view.repository,
      generation,
      tombs.map(({ name }) => name),
    );
  }
}

/**
 * Long after they were swept: no listing that a writer may still go by is so old. The highest one stays, so that
 * generations never repeat. No segment names their packs: those were just rewritten.
 */
async function removeOldTombs({ repository, tombs, time, packs }: View, due: readonly Tomb[]): Promise<void> {
  const kept = new Set(due.map(({ name }) => name));
  const old = tombs.tombs.filter(
    (tomb) =>
      tomb.swept &&
      time - tomb.since > TOMBS_KEPT &&
      tomb.generation < tombs.generation &&
      !kept.has(tomb.name) &&
      !tomb.packs.some((name) => packs.has(name)),
  );
  const removed = new Set(old.map(({ name }) => name));
  for (const { path } of old) await removeTomb(repository, path);
  for (const [path, names] of tombs.swept) {
    if (names.every((name) => removed.has(name))) await repository.backend.remove(path);
  }
}
