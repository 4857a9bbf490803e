/** Shares follow their blobs: before packs go, readers are told of the copies that stay. */
import { isNeoError, messageOf } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import type { ObjectName } from '../../core/ids.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { compareStates, type ShareBody, type ShareId, shareId } from '../../repo/share.ts';
import { shareNumbers } from '../../repo/share-source.ts';
import { publishPlaces, removeShareObject, type ShownShare, shownBy } from '../../repo/share-writer.ts';
import type { Snapshot } from '../../snapshot/listing.ts';
import type { SharedAs } from '../../snapshot/shared-as.ts';
import { type IsUsable, placesOf } from './places.ts';
import { type Shared, stateOf } from './states.ts';

export interface RefreshOptions {
  /** The newest states of those that count. */
  readonly shares: readonly Shared[];
  /** Packs to which no reader may be sent any more. */
  readonly isLeaving: (pack: ObjectName) => boolean;
  readonly isUsable: IsUsable;
  readonly events: EventSink;
}

/**
 * Writes the next object of each share that names a pack that leaves, shows an earlier state, or has none that can be
 * read. What cannot be found or written is a warning: a damaged share must not keep others from their space.
 * @throws NeoError no-space, unreachable
 */
export async function refreshShares(
  repository: IndexedRepository,
  { shares, isLeaving, isUsable, events }: RefreshOptions,
): Promise<void> {
  for (const shared of shares) {
    const shown = await shownBy(repository, shared.share);
    if (isShown(shown, shared) && !shown.packs.some(({ name }) => isLeaving(name))) continue;
    // Who showed a later one has seen what was marked, and the sweep looks again before anything goes.
    if (shown?.isHighest === true && compareStates(shown.body, stateOf(shared)) > 0) continue;
    await refresh(repository, shared, isUsable).catch((error: unknown) => {
      if (!(isNeoError(error, 'integrity') || isNeoError(error, 'failed'))) throw error;
      const message = `share ${shared.share.id.slice(0, 8)} cannot be read by its readers any more: ${messageOf(error)}`;
      events({ type: 'warning', message, code: 'integrity' });
    });
  }
}

async function refresh(repository: IndexedRepository, { snapshot, share }: Shared, isUsable: IsUsable): Promise<void> {
  const places = await placesOf(repository, snapshot.body.tree, isUsable);
  await publishPlaces(repository, share, shareBody(repository, snapshot, share), places);
}

/** Whether readers are shown that state, or a later one. */
export function isShown(shown: ShownShare | undefined, shared: Shared): shown is ShownShare {
  // One that cannot be read is passed over; but what stands before it may name what leaves.
  return shown?.isHighest === true && compareStates(shown.body, stateOf(shared)) >= 0;
}

/** What readers see of it. */
export function shareBody(
  { keys }: Pick<IndexedRepository, 'keys'>,
  { body }: Pick<Snapshot, 'body'>,
  { expires, taken, follow }: SharedAs,
): ShareBody {
  const step = follow === undefined || follow.step === 0 ? {} : { step: follow.step };
  return { tree: body.tree, time: taken, expires, contentFile: keys.content.file, ...step };
}

/** Every object of a share. @throws NeoError unreachable */
export async function listShareObjects({ backend }: Pick<IndexedRepository, 'backend'>): Promise<ShareObjectPath[]> {
  const objects: ShareObjectPath[] = [];
  for await (const { path } of backend.list('shares')) {
    const [, id, n] = /^shares\/([0-9a-f]{32})\/([1-9]\d{0,14})(?:\.reach)?$/.exec(path) ?? [];
    if (id !== undefined) objects.push({ path, id: shareId(id), n: Number(n) });
  }
  return objects;
}

export interface ShareObjectPath {
  readonly path: string;
  readonly id: ShareId;
  readonly n: number;
}

/**
 * Those that no snapshot stands for: taken back, or never finished. `objects` must have been listed before `known` was,
 * for a share's snapshot is there before its objects are. @throws NeoError unreachable
 */
export async function removeOrphans(
  { backend }: Pick<IndexedRepository, 'backend'>,
  objects: readonly ShareObjectPath[],
  known: ReadonlySet<ShareId>,
): Promise<void> {
  for (const { n, id } of objects) if (!known.has(id)) await removeShareObject(backend, id, n);
}

/** Its readers find nothing any more. @throws NeoError unreachable */
export async function removeObjects({ backend }: Pick<IndexedRepository, 'backend'>, id: ShareId): Promise<void> {
  for (const { n } of await shareNumbers(backend, id)) await removeShareObject(backend, id, n);
}
