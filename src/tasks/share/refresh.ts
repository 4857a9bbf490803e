/** Shares follow their blobs: before packs go, readers are told of the copies that stay. */
import { isNeoError, messageOf } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import type { ObjectName } from '../../core/ids.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { LARGEST } from '../../repo/largest.ts';
import { decodeShare, type ShareBody, type ShareId, shareId, sharePath } from '../../repo/share.ts';
import { shareNumbers } from '../../repo/share-source.ts';
import { publishPlaces } from '../../repo/share-writer.ts';
import type { Snapshot } from '../../snapshot/listing.ts';
import type { SharedAs } from '../../snapshot/snapshot.ts';
import { type IsUsable, placesOf } from './places.ts';

/** A snapshot that is a share, as somebody who may share made it. */
export interface Shared {
  readonly snapshot: Snapshot;
  readonly share: SharedAs;
}

export function sharesIn(snapshots: readonly Snapshot[]): Shared[] {
  return snapshots.flatMap((snapshot) => {
    const { role, body } = snapshot;
    return role === 'full' && body.kind === 'share' && body.share !== undefined
      ? [{ snapshot, share: body.share }]
      : [];
  });
}

export interface RefreshOptions {
  /** Those that count. */
  readonly shares: readonly Shared[];
  /** Packs to which no reader may be sent any more. */
  readonly isLeaving: (pack: ObjectName) => boolean;
  readonly isUsable: IsUsable;
  readonly events: EventSink;
}

/**
 * Writes the next object of each share that names a pack that leaves, or has none that can be read. What cannot be
 * found or written is a warning: a damaged share must not keep others from their space.
 * @throws NeoError no-space, unreachable
 */
export async function refreshShares(
  repository: IndexedRepository,
  { shares, isLeaving, isUsable, events }: RefreshOptions,
): Promise<void> {
  for (const { snapshot, share } of shares) {
    const packs = await packsNamed(repository, share);
    if (packs?.some(isLeaving) === false) continue;
    try {
      const places = await placesOf(repository, snapshot.body.tree, isUsable);
      await publishPlaces(repository, share, shareBody(repository, snapshot, share), places);
    } catch (error) {
      if (!(isNeoError(error, 'integrity') || isNeoError(error, 'failed'))) throw error;
      const message = `share ${share.id.slice(0, 8)} cannot be read by its readers any more: ${messageOf(error)}`;
      events({ type: 'warning', message, code: 'integrity' });
    }
  }
}

/** What readers see of it. */
export function shareBody(
  { keys }: Pick<IndexedRepository, 'keys'>,
  { body }: Pick<Snapshot, 'body'>,
  { expires, taken }: SharedAs,
): ShareBody {
  return { tree: body.tree, time: taken, expires, contentFile: keys.content.file };
}

/** By the newest object that can be read; undefined without any. */
export async function packsNamed(
  repository: IndexedRepository,
  { id, key }: SharedAs,
): Promise<ObjectName[] | undefined> {
  for (const { n, size } of await shareNumbers(repository.backend, id)) {
    const bytes = size > LARGEST.share ? undefined : await repository.backend.get(sharePath(id, n));
    if (bytes === undefined) continue;
    try {
      return decodeShare(repository, key, { id, n }, bytes).packs.map(({ name }) => name);
    } catch (error) {
      if (!(isNeoError(error, 'integrity') || isNeoError(error, 'needs-newer-neo'))) throw error;
    }
    // A reader passes over it, too; but what stands before it may name what leaves.
    return undefined;
  }
  return undefined;
}

/** Every object of a share. @throws NeoError unreachable */
export async function listShareObjects({ backend }: Pick<IndexedRepository, 'backend'>): Promise<ShareObjectPath[]> {
  const objects: ShareObjectPath[] = [];
  for await (const { path } of backend.list('shares')) {
    const id = /^shares\/([0-9a-f]{32})\/[1-9]\d{0,14}$/.exec(path)?.[1];
    if (id !== undefined) objects.push({ path, id: shareId(id) });
  }
  return objects;
}

export interface ShareObjectPath {
  readonly path: string;
  readonly id: ShareId;
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
  for (const { path, id } of objects) if (!known.has(id)) await backend.remove(path);
}
