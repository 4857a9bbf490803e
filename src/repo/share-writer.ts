/** The objects of a share written: where its blobs lie, and what their sealed bytes are. */
import type { Backend } from '../backends/backend.ts';
import { toHex } from '../core/bytes.ts';
import { isNeoError, NeoError } from '../core/errors.ts';
import type { BlobId, ObjectName } from '../core/ids.ts';
import { encodeReach, MOST_REACH_BYTES, reachPath } from '../protocol/reach.ts';
import { fetchSealed, type NeededBlob } from './blob-copier.ts';
import type { BlobEntry } from './blob-entry.ts';
import type { BlobPlace } from './blob-index.ts';
import { openVerified } from './blob-reader.ts';
import { type PackedRecord, type PackRecord, unpack } from './index/segment.ts';
import { eachSegment, type IndexedRepository } from './indexed.ts';
import { LARGEST } from './largest.ts';
import { ENTRY_LENGTH } from './pack/entry.ts';
import { packPath } from './pack/pack.ts';
import {
  compareStates,
  decodeShare,
  encodeShare,
  type ShareBody,
  type ShareId,
  type ShareObject,
  sharePath,
} from './share.ts';
import { shareNumbers } from './share-source.ts';

/** A blob, and the copy of it that readers are sent to. */
export interface SharedPlace {
  readonly blob: NeededBlob;
  readonly place: BlobPlace;
}

interface Chosen extends SharedPlace {
  hash?: Uint8Array;
}

/** By pack, with hashes. @throws NeoError integrity when one is not what its key says; unreachable */
async function recordsOf(repository: IndexedRepository, places: readonly SharedPlace[]): Promise<PackRecord[]> {
  const byPack = Map.groupBy(
    places.map((shared): Chosen => ({ ...shared })),
    ({ place }) => place.pack,
  );
  await takeHashes(repository, byPack);
  const records: PackRecord[] = [];
  for (const [number, chosen] of byPack) records.push(await recordOf(repository, number, chosen));
  return records.sort((x, y) => (x.name < y.name ? -1 : 1));
}

/** Those that segments tell of packs by role full. */
async function takeHashes(
  repository: IndexedRepository,
  byPack: ReadonlyMap<number, readonly Chosen[]>,
): Promise<void> {
  const wanted = new Map<ObjectName, Map<string, Chosen>>();
  for (const [number, chosen] of byPack) {
    const name = repository.packs[number]?.name;
    if (name === undefined) continue;
    const trusted = chosen.filter(({ place }) => place.trusted);
    wanted.set(name, new Map(trusted.map((each) => [keyOf(each.blob.id, each.place.offset), each])));
  }
  await eachSegment(repository, ({ segment, signer }) => {
    if (signer.role !== 'full') return;
    for (const pack of segment.packs) {
      if (pack.authorRole === 'full' || pack.verified === true) takeFrom(pack, wanted.get(pack.name));
    }
  });
}

function takeFrom(pack: PackedRecord, chosen: ReadonlyMap<string, Chosen> | undefined): void {
  if (chosen === undefined) return;
  for (const { id, offset, length, hash } of unpack(pack).entries) {
    const found = chosen.get(keyOf(id, offset));
    if (found?.place.length === length) found.hash = Uint8Array.from(hash);
  }
}

function keyOf(id: BlobId, offset: number): string {
  return `${toHex(id)} ${offset}`;
}

async function recordOf(repository: IndexedRepository, number: number, chosen: readonly Chosen[]): Promise<PackRecord> {
  const pack = repository.packs[number];
  if (pack === undefined) throw new NeoError('integrity', 'index names an unknown pack');
  const entries: BlobEntry[] = [];
  for (const { blob, place, hash } of chosen) {
    const { id, kind } = blob;
    const { offset, length } = place;
    entries.push({
      id,
      kind,
      contentEpoch: 0,
      offset,
      length,
      hash: hash ?? (await verifiedHash(repository, blob, place)),
    });
  }
  entries.sort((a, b) => a.offset - b.offset);
  // Who stored it is nobody's business.
  return { name: pack.name, size: pack.size, author: repository.client, authorRole: 'full', entries };
}

/** Of what nobody of role full has said anything. @throws NeoError integrity */
async function verifiedHash(
  repository: IndexedRepository,
  { kind, key }: NeededBlob,
  place: BlobPlace,
): Promise<Uint8Array> {
  const sealed = await fetchSealed(repository, place);
  if (sealed === undefined) throw new NeoError('integrity', 'a part of what is shared is not where the index says');
  openVerified(repository, kind, key, sealed);
  return repository.engine.blake3(sealed);
}

/** What opens the objects of a share. */
export interface ShareKey {
  readonly id: ShareId;
  readonly key: Uint8Array;
}

export interface ShownShare extends ShareObject<PackedRecord> {
  /** False where one of a higher number is there, which readers pass over. */
  readonly isHighest: boolean;
}

/** The newest object of a share that can be read; undefined without any. @throws NeoError unreachable */
export async function shownBy(
  repository: Pick<IndexedRepository, 'engine' | 'repository' | 'issuers' | 'backend'>,
  { id, key }: ShareKey,
): Promise<ShownShare | undefined> {
  const { backend } = repository;
  let isHighest = true;
  for (const { n, size } of await shareNumbers(backend, id)) {
    const bytes = size > LARGEST.share ? undefined : await backend.get(sharePath(id, n));
    if (bytes === undefined) continue;
    try {
      return { ...decodeShare(repository, key, { id, n }, bytes), isHighest };
    } catch (error) {
      if (!(isNeoError(error, 'integrity') || isNeoError(error, 'needs-newer-neo'))) throw error;
    }
    isHighest = false;
  }
  return undefined;
}

/** Before anything is published. @throws NeoError failed for more blobs than one object of a share can name */
export function refuseTooMany(blobs: number): void {
  if (blobs * ENTRY_LENGTH <= LARGEST.share * 0.9) return;
  throw new NeoError('failed', `${blobs} blobs are more than one share can hold`, {
    hint: 'share a smaller directory',
  });
}

/** Objects of others at the same moment that one gives way to. */
const ATTEMPTS = 8;
/** Numbers have 15 digits at most. */
const LAST_NUMBER = 999_999_999_999_999;

/**
 * Writes the next object of a share; the one before it stays for readers that have just listed. Not where readers are
 * shown a later state already: nothing goes back.
 * @throws NeoError integrity when a blob is not what its key says; failed when it is too large; no-space, unreachable
 */
export async function publishPlaces(
  repository: IndexedRepository,
  { id, key }: ShareKey,
  body: ShareBody,
  places: readonly SharedPlace[],
): Promise<void> {
  refuseTooMany(places.length);
  const packs = await recordsOf(repository, places);
  const before = await shareNumbers(repository.backend, id);
  let n = before[0]?.n ?? 0;
  for (let attempt = 1; ; attempt++) {
    const shown = await shownBy(repository, { id, key });
    if (shown !== undefined && compareStates(shown.body, body) > 0) return;
    n += 1;
    if (n > LAST_NUMBER) throw new NeoError('failed', `share ${id.slice(0, 8)} has no numbers left`);
    if (await putObject(repository, key, { id, n, body, packs }, attempt < ATTEMPTS)) break;
  }
  for (const { n: old } of before.slice(1)) await removeShareObject(repository.backend, id, old);
}

/** False where somebody else has taken the number, and there is another one. */
async function putObject(
  repository: IndexedRepository,
  key: Uint8Array,
  object: ShareObject<PackRecord>,
  hasAnother: boolean,
): Promise<boolean> {
  const path = sharePath(object.id, object.n);
  try {
    await publishReach(repository, path, object.packs);
    await repository.backend.put(path, encodeShare(repository, repository.signer, key, object));
    return true;
  } catch (error) {
    if (isNeoError(error, 'integrity') && hasAnother) return false;
    throw error;
  }
}

/** Before the object itself: whoever sees that one can read what it names. */
async function publishReach(
  { backend }: IndexedRepository,
  object: string,
  packs: readonly PackRecord[],
): Promise<void> {
  if (backend.isGuarded !== true) return;
  const reached = packs.map(({ name, entries }) => ({ path: packPath(name), ranges: entries }));
  const list = encodeReach(reached);
  if (list.length > MOST_REACH_BYTES) {
    throw new NeoError('failed', 'the share is in more pieces than the server lets others read', {
      hint: 'share a smaller directory',
    });
  }
  await backend.put(reachPath(object), list);
}

/** The object first: a reader that still sees it must be able to read what it names. */
export async function removeShareObject(backend: Backend, id: ShareId, n: number): Promise<void> {
  await backend.remove(sharePath(id, n));
  if (backend.isGuarded === true) await backend.remove(reachPath(sharePath(id, n)));
}
