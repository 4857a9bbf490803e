/** Index segments without the packs that go. New ones are durable before old ones are removed. */
import { toHex } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type ObjectName, objectName, type SessionId, sessionId } from '../core/ids.ts';
import { blobsIn, encodeSegment, type PackedRecord } from './index/segment.ts';
import { eachSegment, type LoadedPacked, readSegmentAt } from './indexed.ts';
import { newId, type Repository } from './repository.ts';
import { encodeSealedSigned } from './signed-object.ts';

/** Blobs a segment: 3.7 MB. */
const SEGMENT_BLOBS = 50_000;
/** Small ones are joined when there are so many: each costs whoever opens the repository a way to storage. */
const MANY_SMALL = 32;
const SMALL_BLOBS = SEGMENT_BLOBS / 8;

interface Old {
  readonly path: string;
  readonly session: SessionId | undefined;
  readonly covered: readonly SessionId[];
}

/**
 * Replaces every segment that names one of the packs in `gone`, and small ones when there are many, and removes interim
 * ones that a final segment of role full covers. What a segment's signer may not say is left out.
 * @returns how many segments were removed
 * @throws NeoError failed when a new segment does not appear in a listing; no-space, unreachable
 */
export async function rewriteSegments(repository: Repository, gone: ReadonlySet<ObjectName>): Promise<number> {
  const first = await survey(repository, gone);
  if (first.old.size === 0 && first.coveredPaths.length === 0) return 0;
  const writer = new SegmentJoiner(repository, first);
  for (const path of first.old.keys()) {
    const loaded = await readSegmentAt(repository, path);
    if (loaded === undefined) continue;
    const staying = loaded.segment.packs.filter((pack) => maySay(loaded, pack) && !gone.has(pack.name));
    for (const pack of staying) await writer.add(pack);
    loaded.free();
  }
  await writer.finish();
  await demandListed(repository, writer.written);
  const removed = [...first.old.keys(), ...first.coveredPaths];
  for (const path of removed) if (!writer.written.has(path)) await repository.backend.remove(path);
  return removed.length;
}

interface Survey {
  readonly old: ReadonlyMap<string, Old>;
  /** Of the segments that go. */
  readonly covered: readonly SessionId[];
  /** Interim segments that say nothing that final ones do not. */
  readonly coveredPaths: readonly string[];
}

async function survey(repository: Repository, gone: ReadonlySet<ObjectName>): Promise<Survey> {
  const old = new Map<string, Old>();
  const small: Old[] = [];
  const covered = new Set<SessionId>();
  const read = new Set<string>();
  await eachSegment(repository, ({ path, segment, signer }) => {
    read.add(path);
    const session = sessionOf(path);
    const one = { path, session, covered: signer.role === 'full' ? segment.covered : [] };
    for (const id of one.covered) covered.add(id);
    if (segment.packs.some(({ name }) => gone.has(name))) old.set(path, one);
    else if (session === undefined && segment.packs.reduce((sum, pack) => sum + blobsIn(pack), 0) < SMALL_BLOBS) {
      small.push(one);
    }
  });
  if (small.length >= MANY_SMALL) for (const one of small) old.set(one.path, one);
  const coveredPaths: string[] = [];
  for await (const { path } of repository.backend.list('index')) {
    const session = sessionOf(path);
    if (session !== undefined && covered.has(session) && !read.has(path)) coveredPaths.push(path);
  }
  return { old, covered: [...old.values()].flatMap((one) => one.covered), coveredPaths };
}

function sessionOf(path: string): SessionId | undefined {
  const id = /^index\/([0-9a-f]{32})\//.exec(path)?.[1];
  return id === undefined ? undefined : sessionId(id);
}

/** Whose word counts for a pack: its author's, and that of role full. */
function maySay({ signer }: LoadedPacked, { author, authorRole }: PackedRecord): boolean {
  return signer.role === 'full' || (author === signer.client && authorRole === signer.role);
}

/** Joins records into segments of a good size. */
class SegmentJoiner {
  /** Paths. */
  readonly written = new Set<string>();
  readonly #repository: Repository;
  readonly #session: SessionId;
  readonly #said = new Set<string>();
  #covered: readonly SessionId[];
  #replaced: readonly ObjectName[];
  #open: PackedRecord[] = [];
  #blobs = 0;

  constructor(repository: Repository, { covered, old }: Survey) {
    this.#repository = repository;
    this.#session = sessionId(newId(repository.random));
    this.#covered = covered;
    this.#replaced = [...old.keys()].map((path) => objectName(path.slice(path.lastIndexOf('/') + 1)));
  }

  /** The record is copied: its bytes are the segment's, which nobody keeps. */
  async add(pack: PackedRecord): Promise<void> {
    const { engine } = this.#repository;
    const verified = pack.verified === true ? 'verified' : '';
    const digest = `${pack.name} ${pack.author} ${pack.size} ${toHex(engine.blake3(pack.packed))} ${verified}`;
    if (this.#said.has(digest)) return;
    this.#said.add(digest);
    // Not `slice`: a Buffer's is a view of the same memory.
    this.#open.push({ ...pack, packed: new Uint8Array(pack.packed) });
    this.#blobs += blobsIn(pack);
    if (this.#blobs >= SEGMENT_BLOBS) await this.finish();
  }

  /** Stores what was added since. */
  async finish(): Promise<void> {
    if (this.#open.length + this.#covered.length === 0) return;
    const { backend, engine, keys, signer } = this.#repository;
    const body = encodeSegment({
      final: true,
      session: this.#session,
      covered: this.#covered,
      replaced: this.#replaced,
      packs: this.#open,
    });
    const bytes = encodeSealedSigned(this.#repository, 'index', keys.index, signer, body);
    const path = `index/${objectName(toHex(engine.blake3(bytes)))}`;
    await backend.put(path, bytes);
    this.written.add(path);
    this.#open = [];
    this.#blobs = 0;
    this.#covered = [];
    this.#replaced = [];
  }
}

async function demandListed({ backend }: Repository, paths: ReadonlySet<string>): Promise<void> {
  if (paths.size === 0) return;
  const missing = new Set(paths);
  for await (const { path } of backend.list('index')) missing.delete(path);
  if (missing.size === 0) return;
  throw new NeoError('failed', 'the storage does not list what was just stored: nothing was deleted', {
    hint: 'try again later',
  });
}
