/** A repository with its index loaded: the state that look-ups and deduplication need. */
import { discard, toHex } from '../core/bytes.ts';
import { isNeoError, messageOf, NeoError } from '../core/errors.ts';
import { type ClientId, type ObjectName, objectName } from '../core/ids.ts';
import { BlobIndex } from './blob-index.ts';
import type { Certificate } from './certificate.ts';
import type { ClientState } from './client-state.ts';
import { type IndexSegment, openSegment, type PackedRecord, type PackedSegment, unpack } from './index/segment.ts';
import { PlaceCollector } from './index/sorted-places.ts';
import { LARGEST } from './largest.ts';
import { lookAgain } from './look-again.ts';
import { keptOr, type ObjectCache, objectCache } from './object-cache.ts';
import { ENTRY_LENGTH } from './pack/entry.ts';
import { inOrder } from './read-ahead.ts';
import { type Repository, refuseRotated } from './repository.ts';
import { SegmentCache } from './segment-cache.ts';
import { claimedRole, issuedCertificate, openSealedSigned } from './signed-object.ts';

export interface PackInfo {
  readonly name: ObjectName;
  readonly size: number;
  /** Copies in it count for deduplication by this client; which ones, their places say. */
  readonly trusted: boolean;
  readonly author: ClientId;
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
  /**
   * The same as storage has it by now; undefined when no segment has come or gone. Storage is asked again only after a
   * while. @throws NeoError unreachable
   */
  readonly newer: () => Promise<IndexedRepository | undefined>;
  /** Packs of trees are taken from there. */
  readonly kept?: ObjectCache | undefined;
}

interface Loaded<Segment> {
  readonly path: string;
  readonly name: ObjectName;
  readonly segment: Segment;
  readonly signer: Certificate;
}

export type LoadedSegment = Loaded<IndexSegment>;
export interface LoadedPacked extends Loaded<PackedSegment> {
  /** Gives back the memory of the blobs. */
  readonly free: () => void;
}

const SEGMENT_PATH = /^index\/(?:([0-9a-f]{32})\/)?([0-9a-f]{64})$/;

interface SegmentPath {
  readonly path: string;
  readonly name: ObjectName;
  /** Of an interim segment. */
  readonly session: string | undefined;
  readonly size: number;
}

async function listSegments(repository: Repository): Promise<{ paths: SegmentPath[]; faults: SegmentFault[] }> {
  const paths: SegmentPath[] = [];
  const faults: SegmentFault[] = [];
  for await (const { path, size } of repository.backend.list('index')) {
    const match = SEGMENT_PATH.exec(path);
    if (match === null) continue;
    if (size <= LARGEST.index) paths.push(segmentPath(path, match[1], size));
    else faults.push({ path, reason: `${size} bytes are no index segment`, damaged: true });
  }
  return { paths: paths.sort((a, b) => (a.path < b.path ? -1 : 1)), faults };
}

function segmentPath(path: string, session: string | undefined, size: number): SegmentPath {
  return { path, name: objectName(path.slice(path.lastIndexOf('/') + 1)), session, size };
}

/** Of segments that wait for those of role full; what is beyond that is read again. */
const KEPT_BYTES = 32 << 20;

/** Called with each segment, which nobody keeps after that. */
export type TakeSegment = (loaded: LoadedPacked) => void;

/**
 * Reads and verifies all segments but the interim ones of covered sessions. Those of role full come first: what others
 * signed must not shadow theirs. One that vanishes meanwhile is passed over.
 */
export async function eachSegment(repository: Repository, take: TakeSegment): Promise<SegmentFault[]> {
  const { paths, faults } = await listSegments(repository);
  const read = new SegmentReader(repository);
  await takeSegments(read, paths, new SegmentSorter(faults, take));
  return faults;
}

async function takeSegments(read: SegmentReader, paths: readonly SegmentPath[], sorter: SegmentSorter): Promise<void> {
  const sort = (found: Found): void => sorter.sort(found);
  const readFull = (at: SegmentPath): Promise<Found> => read.read(at, undefined, 'full');
  const finals = paths.filter(({ session }) => session === undefined);
  const sizeOf = ({ size }: SegmentPath): number => size;
  await inOrder(finals, sizeOf, readFull, sort);
  const interim = paths.filter(({ session }) => session !== undefined && !sorter.covered.has(session));
  await inOrder(interim, sizeOf, readFull, sort);
  const others = sorter.others.splice(0);
  await inOrder(
    others,
    ({ at }) => at.size,
    ({ at, bytes }) => read.read(at, bytes),
    sort,
  );
  if (sorter.faults.some(({ damaged }) => !damaged)) await refuseRotated(read.repository);
}

class SegmentSorter {
  readonly covered = new Set<string>();
  /** Segments whose turn is after those of role full. */
  readonly others: Later[] = [];
  readonly faults: SegmentFault[];
  readonly #take: TakeSegment;
  readonly #onVanished: (path: string) => void;
  #kept = 0;

  constructor(faults: SegmentFault[], take: TakeSegment, onVanished: (path: string) => void = () => undefined) {
    this.faults = faults;
    this.#take = take;
    this.#onVanished = onVanished;
  }

  sort(found: Found): void {
    if ('vanished' in found) this.#onVanished(found.vanished);
    else if ('reason' in found) this.faults.push(found);
    else if ('at' in found) this.#keep(found);
    else {
      this.#cover(found);
      this.#take(found);
      found.free();
    }
  }

  #keep({ at, bytes }: Later): void {
    this.#kept += bytes?.length ?? 0;
    this.others.push({ at, bytes: this.#kept <= KEPT_BYTES ? bytes : undefined });
  }

  /** A write-role client may only cover its own sessions; which those are, only the signer of their segments tells. */
  #cover({ signer, segment }: LoadedPacked): void {
    if (signer.role !== 'full') return;
    for (const session of segment.covered) this.covered.add(session);
  }
}

/** A segment whose turn is after those of role full, not verified yet. */
interface Later {
  readonly at: SegmentPath;
  /** Undefined: to be read again. */
  readonly bytes: Uint8Array | undefined;
}

/** It was listed, and is gone: somebody put another in its place. */
interface Vanished {
  readonly vanished: string;
}

type Found = LoadedPacked | SegmentFault | Later | Vanished;

/** Where segments may be taken from instead of storage. */
interface Caches {
  /** Opened already. */
  readonly segments?: SegmentCache | undefined;
  readonly objects?: ObjectCache | undefined;
}

class SegmentReader {
  readonly repository: Repository;
  readonly #cache: SegmentCache | undefined;
  readonly #objects: ObjectCache | undefined;

  constructor(repository: Repository, { segments, objects }: Caches = {}) {
    this.repository = repository;
    this.#cache = segments;
    this.#objects = objects;
  }

  /** @param only of other roles, what would have to be verified comes back */
  async read(at: SegmentPath, bytes?: Uint8Array, only?: 'full'): Promise<Found> {
    try {
      return this.#cached(at, only) ?? (await this.#stored(at, bytes, only));
    } catch (error) {
      const { path } = at;
      if (isNeoError(error, 'integrity')) return { path, reason: messageOf(error), damaged: false };
      // The configuration says which versions there are. This one is somebody's joke, or will be read by a newer neo.
      if (isNeoError(error, 'needs-newer-neo')) return { path, reason: messageOf(error), damaged: false, newer: true };
      throw error;
    }
  }

  #cached(at: SegmentPath, only: 'full' | undefined): Found | undefined {
    const known = this.#cache?.get(at.name);
    if (known === undefined) return undefined;
    const signer = issuedCertificate(this.repository, 'index', known.certificate);
    if (only !== undefined && signer.role !== only) return { at, bytes: undefined };
    return opened(at, signer, known.body, () => undefined);
  }

  async #stored(at: SegmentPath, known: Uint8Array | undefined, only: 'full' | undefined): Promise<Found> {
    const { repository } = this;
    const { path, name } = at;
    const bytes = known ?? (await keptOr(repository, this.#objects, at, () => repository.backend.get(path)));
    if (bytes === undefined) return { vanished: path };
    if (toHex(repository.engine.blake3(bytes)) !== name)
      return { path, reason: 'bytes do not give its name', damaged: true };
    if (only !== undefined && claimedRole(repository, 'index', bytes) !== only) return { at, bytes };
    const { body, signer } = await openSealedSigned(repository, 'index', repository.keys.index, bytes);
    const found = opened(at, signer, body, () => discard(body));
    if ('segment' in found && at.session === undefined) this.#cache?.add(name, { certificate: signer.encoded, body });
    return found;
  }
}

/** @throws NeoError integrity, needs-newer-neo */
function opened({ path, name }: SegmentPath, signer: Certificate, body: Uint8Array, free: () => void): Found {
  const segment = openSegment(body);
  // Here, where everything comes by: whoever joins segments signs them anew.
  if (signer.role !== 'full' && segment.packs.some(({ verified }) => verified === true)) {
    return { path, reason: 'its signer may only write, and says that blobs were verified', damaged: false };
  }
  return { path, name, segment, signer, free };
}

/** The segment at a path of `index/`; undefined when it is gone, damaged or nobody's. @throws NeoError unreachable */
export async function readSegmentAt(repository: Repository, path: string): Promise<LoadedPacked | undefined> {
  const found = await new SegmentReader(repository).read(segmentPath(path, undefined, 0));
  return 'segment' in found ? found : undefined;
}

export interface Segments {
  readonly segments: readonly LoadedSegment[];
  readonly faults: readonly SegmentFault[];
}

/** As {@link eachSegment}, with an object for each blob: not for large repositories. */
export async function readSegments(repository: Repository): Promise<Segments> {
  const segments: LoadedSegment[] = [];
  const faults = await eachSegment(repository, (loaded) => {
    const { path, name, signer, segment } = loaded;
    segments.push({ path, name, signer, segment: { ...segment, packs: segment.packs.map(unpack) } });
  });
  return { segments, faults };
}

/** Of a run that stores many blobs. */
const ROOM = 65_536;
/** Sweeps of others that one load may run into. */
const LOADS = 10;

/**
 * Loads the whole index into shared memory.
 * @param room blobs that may be added before the table has to grow
 * @param objects where segments may be taken from that the listing names
 * @throws NeoError unreachable when segments vanish faster than they can be read
 */
export async function loadIndex(
  repository: Repository,
  room = ROOM,
  objects?: ObjectCache | undefined,
): Promise<IndexedRepository> {
  return untilNothingVanishes(() => load(repository, room, { objects }));
}

/**
 * As {@link loadIndex}, with what this client has verified before from its own folder. For what only reads: of a segment
 * that was damaged since it learns nothing.
 */
export async function loadKnownIndex(repository: Repository, state: ClientState): Promise<IndexedRepository> {
  const segments = await SegmentCache.load(repository, state);
  const objects = objectCache(repository, state);
  const loaded = await untilNothingVanishes(() => load(repository, 0, { segments, objects }));
  return { ...loaded, kept: objects };
}

/** A segment that was listed and is gone was replaced: what stands in its place must be listed, too. */
class SegmentVanished extends Error {}

async function untilNothingVanishes<T>(read: () => Promise<T>): Promise<T> {
  for (let n = 1; ; n++) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof SegmentVanished)) throw error;
      if (n >= LOADS) throw new NeoError('unreachable', `${error.message} while the index was read; try again`);
    }
  }
}

async function load(repository: Repository, room: number, caches: Caches): Promise<IndexedRepository> {
  const { paths, faults } = await listSegments(repository);
  const most = paths.reduce((sum, { size }) => sum + Math.floor(size / ENTRY_LENGTH), 0);
  const places = new PlaceCollector(most, repository.random);
  const packs = new PackList();
  const moreFaults: SegmentFault[] = [];
  const take: TakeSegment = ({ path, segment, signer }) => {
    for (const pack of segment.packs) {
      if (signer.role !== 'full' && (pack.author !== signer.client || pack.authorRole !== signer.role)) {
        const reason = `speaks for a pack of another client (${pack.author.slice(0, 8)})`;
        moreFaults.push({ path, reason, damaged: false });
        continue;
      }
      const trusted = pack.authorRole === 'full' || pack.verified === true || pack.author === repository.client;
      places.add(packs.numberOf(pack, trusted), trusted, pack.packed);
    }
  };
  const sorter = new SegmentSorter(faults, take, (path) => {
    throw new SegmentVanished(`${path} vanished`);
  });
  await takeSegments(new SegmentReader(repository, caches), paths, sorter);
  await caches.segments?.save(new Set(paths.map(({ name }) => name)));
  const index = BlobIndex.from(places, room, repository.random);
  const loaded = { ...repository, index, packs: packs.infos, faults: [...faults, ...moreFaults] };
  return { ...loaded, newer: newerThan(repository, paths) };
}

function newerThan(repository: Repository, seen: readonly SegmentPath[]): IndexedRepository['newer'] {
  const textOf = (paths: readonly SegmentPath[]): string => paths.map(({ path }) => path).join();
  const before = textOf(seen);
  return lookAgain(repository.clock, async () => {
    const { paths } = await listSegments(repository);
    return textOf(paths) === before ? undefined : loadIndex(repository, 0);
  });
}

/** Numbers packs as they are met. */
class PackList {
  readonly infos: (PackInfo | undefined)[] = [undefined];
  #author: ClientId | undefined;
  readonly #byName = new Map<ObjectName, number>();
  readonly #further = new Map<string, number>();

  /**
   * One number for all that say the same of the pack: whoever claims somebody else's pack as its own, or says that it is
   * shorter, must not shadow the truth. Nor must the first of several segments: where they differ, all that they say is
   * kept.
   */
  numberOf({ name, author, size }: PackedRecord, trusted: boolean): number {
    const first = this.#byName.get(name);
    const known = first === undefined ? undefined : this.infos[first];
    if (first !== undefined && known?.author === author && known.size === size) return this.#trust(first, trusted);
    const key = `${name} ${author} ${size}`;
    const further = this.#further.get(key);
    if (further !== undefined) return this.#trust(further, trusted);
    // One text for all packs of an author.
    if (this.#author !== author) this.#author = author;
    const number = this.infos.push({ name, size, trusted, author: this.#author }) - 1;
    if (first === undefined) this.#byName.set(name, number);
    else this.#further.set(key, number);
    return number;
  }

  #trust(number: number, trusted: boolean): number {
    const known = this.infos[number];
    if (trusted && known?.trusted === false) this.infos[number] = { ...known, trusted };
    return number;
  }
}
