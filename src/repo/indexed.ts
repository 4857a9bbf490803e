/** A repository with its index loaded: the state that look-ups and deduplication need. */
import { toHex } from '../core/bytes.ts';
import { isNeoError, messageOf } from '../core/errors.ts';
import { type ObjectName, objectName, type SessionId } from '../core/ids.ts';
import { BlobIndex, type BlobPlace } from './blob-index.ts';
import type { Certificate } from './certificate.ts';
import { decodeSegment, type IndexSegment, type PackRecord } from './index/segment.ts';
import { LARGEST } from './largest.ts';
import type { Repository } from './repository.ts';
import { decodeSealedSigned } from './signed-object.ts';

export interface PackInfo {
  readonly name: ObjectName;
  readonly size: number;
  /** Its copies count for deduplication by this client. */
  readonly trusted: boolean;
}

export interface SegmentFault {
  readonly path: string;
  readonly reason: string;
  /** Its bytes are not those that were written. Otherwise it is whole, but not to be believed. */
  readonly damaged: boolean;
  /** It says that it is of a later version: nothing that repairs may touch it. */
  readonly newer?: boolean;
}

export interface IndexedRepository extends Repository {
  readonly index: BlobIndex;
  /** By pack number, from 1 on; 0 is not used. */
  readonly packs: (PackInfo | undefined)[];
  /** Segments that were damaged, foreign or claimed what their signer may not. */
  readonly faults: readonly SegmentFault[];
}

export interface LoadedSegment {
  readonly path: string;
  readonly name: ObjectName;
  readonly segment: IndexSegment;
  readonly signer: Certificate;
}

const SEGMENT_PATH = /^index\/(?:([0-9a-f]{32})\/)?([0-9a-f]{64})$/;

interface SegmentPath {
  readonly path: string;
  /** Of an interim segment. */
  readonly session: string | undefined;
}

async function listSegments(repository: Repository): Promise<{ paths: SegmentPath[]; faults: SegmentFault[] }> {
  const paths: SegmentPath[] = [];
  const faults: SegmentFault[] = [];
  for await (const { path, size } of repository.backend.list('index')) {
    const match = SEGMENT_PATH.exec(path);
    if (match === null) continue;
    if (size <= LARGEST.index) paths.push({ path, session: match[1] });
    else faults.push({ path, reason: `${size} bytes are no index segment`, damaged: true });
  }
  return { paths: paths.sort((a, b) => (a.path < b.path ? -1 : 1)), faults };
}

export interface Segments {
  /** Those of role full first: what others signed must not shadow theirs. */
  readonly segments: readonly LoadedSegment[];
  readonly faults: readonly SegmentFault[];
  /** Entries of all. */
  readonly blobs: number;
}

/** Reads and verifies all segments but the interim ones of covered sessions. */
export async function readSegments(repository: Repository): Promise<Segments> {
  const { paths, faults } = await listSegments(repository);
  const segments: LoadedSegment[] = [];
  const keep = (loaded: LoadedSegment | SegmentFault | undefined): void => {
    if (loaded === undefined) return;
    if ('reason' in loaded) faults.push(loaded);
    else segments.push(loaded);
  };
  for (const { path, session } of paths) if (session === undefined) keep(await readSegment(repository, path));
  const covered = new Set(segments.flatMap((loaded) => coveredBy(loaded)) as string[]);
  const interim = paths.filter(({ session }) => session !== undefined && !covered.has(session));
  for (const { path } of interim) keep(await readSegment(repository, path));
  segments.sort((a, b) => Number(a.signer.role !== 'full') - Number(b.signer.role !== 'full'));
  const counts = segments.flatMap(({ segment }) => segment.packs.map(({ entries }) => entries.length));
  return { segments, faults, blobs: counts.reduce((sum, count) => sum + count, 0) };
}

/** A write-role client may only cover its own sessions; which those are, only the signer of their segments tells. */
function coveredBy(loaded: LoadedSegment): readonly SessionId[] {
  return loaded.signer.role === 'full' ? loaded.segment.covered : [];
}

async function readSegment(repository: Repository, path: string): Promise<LoadedSegment | SegmentFault | undefined> {
  const name = objectName(path.slice(path.lastIndexOf('/') + 1));
  const bytes = await repository.backend.get(path);
  if (bytes === undefined) return undefined;
  if (toHex(repository.engine.blake3(bytes)) !== name)
    return { path, reason: 'bytes do not give its name', damaged: true };
  try {
    const { body, signer } = decodeSealedSigned(repository, 'index', repository.keys.index, bytes);
    return { path, name, segment: decodeSegment(body), signer };
  } catch (error) {
    if (isNeoError(error, 'integrity')) return { path, reason: messageOf(error), damaged: false };
    // The configuration says which versions there are. This one is somebody's joke, or will be read by a newer neo.
    if (isNeoError(error, 'needs-newer-neo')) return { path, reason: messageOf(error), damaged: false, newer: true };
    throw error;
  }
}

/**
 * Loads the whole index into shared memory.
 * @param room blobs that may be added before the table has to grow
 */
export async function loadIndex(repository: Repository, room = 65_536): Promise<IndexedRepository> {
  const { segments, faults, blobs } = await readSegments(repository);
  const index = BlobIndex.withRoomFor(blobs + room);
  const packs: (PackInfo | undefined)[] = [undefined];
  const known = new Map<string, number>();
  const moreFaults: SegmentFault[] = [];
  for (const { path, segment, signer } of segments) {
    for (const pack of segment.packs) {
      if (signer.role !== 'full' && (pack.author !== signer.client || pack.authorRole !== signer.role)) {
        const reason = `speaks for a pack of another client (${pack.author.slice(0, 8)})`;
        moreFaults.push({ path, reason, damaged: false });
        continue;
      }
      const trusted = pack.authorRole === 'full' || pack.author === repository.client;
      insertPack(index, packs, known, pack, trusted);
    }
  }
  return { ...repository, index, packs, faults: [...faults, ...moreFaults] };
}

function insertPack(
  index: BlobIndex,
  packs: (PackInfo | undefined)[],
  known: Map<string, number>,
  pack: PackRecord,
  trusted: boolean,
): void {
  // Keyed by what is said of the pack: whoever claims somebody else's pack as its own, or says that it is shorter, must
  // not shadow the truth. Nor must the first of several segments: where they differ, all that they say is kept.
  const key = `${pack.name} ${pack.author} ${pack.size}`;
  const earlier = known.get(key);
  const number = earlier ?? packs.length;
  if (earlier === undefined) {
    known.set(key, number);
    packs.push({ name: pack.name, size: pack.size, trusted });
  }
  for (const { id, offset, length } of pack.entries) {
    const isSame = (place: BlobPlace): boolean =>
      place.pack === number && place.offset === offset && place.length === length;
    if (earlier !== undefined && index.places(id).some(isSame)) continue;
    index.insert(id, { pack: number, offset, length, trusted });
  }
}
