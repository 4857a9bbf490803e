/** Several clients of one repository, each with its own key and state, and the tools of one whose key was stolen. */
import { mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ByteRange, ObjectInfo } from '../../src/backends/backend.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { toHex } from '../../src/core/bytes.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import {
  type BlobId,
  type ClientId,
  type ContentKey,
  type ObjectName,
  objectName,
  sessionId,
} from '../../src/core/ids.ts';
import { systemRandom } from '../../src/core/random.ts';
import type { BlobEntry } from '../../src/repo/blob-entry.ts';
import { BlobReader } from '../../src/repo/blob-reader.ts';
import type { Role } from '../../src/repo/certificate.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { encodeHeader, HEADER_LENGTH } from '../../src/repo/header.ts';
import { encodeSegment, type IndexSegment, type PackRecord } from '../../src/repo/index/segment.ts';
import { type IndexedRepository, loadIndex } from '../../src/repo/indexed.ts';
import { initRepository } from '../../src/repo/init.ts';
import { parseKeyFile } from '../../src/repo/key-file.ts';
import { finishPack, packPath } from '../../src/repo/pack/pack.ts';
import { type OpenOptions, openRepository, type Repository, type Surroundings } from '../../src/repo/repository.ts';
import { encodeSealedSigned } from '../../src/repo/signed-object.ts';
import { contentPieces } from '../../src/snapshot/content.ts';
import { listSnapshots, type Snapshot } from '../../src/snapshot/listing.ts';
import { readTree } from '../../src/snapshot/tree.ts';
import { type BackupOptions, type BackupSummary, backup } from '../../src/tasks/backup.ts';
import { prepareKey, publishKey } from '../../src/tasks/keys.ts';
import { testEngine } from '../support/temp-repository.ts';

/** An hour ahead of the files' times: no file counts as changed in the tick in which it was read. */
const clock: Clock = { now: () => systemClock.now() + 3_600_000, monotonic: () => systemClock.monotonic() };

export interface SnapshotWishes {
  readonly host?: string;
  readonly force?: boolean;
  readonly rules?: BackupOptions['rules'];
  readonly parent?: string;
}

export class Client {
  readonly scene: Scene;
  readonly open: OpenOptions;
  /** What the client keeps; replace it to lose it. */
  state = new MemoryState();
  /** Absent for the first. */
  readonly keyFile: Uint8Array | undefined;

  constructor(scene: Scene, open: OpenOptions, keyFile?: Uint8Array) {
    this.scene = scene;
    this.open = open;
    this.keyFile = keyFile;
  }

  async repository(): Promise<Repository> {
    return openRepository(this.scene.surroundings, this.scene.backend, this.open);
  }

  async indexed(): Promise<IndexedRepository> {
    return loadIndex(await this.repository());
  }

  async snapshot(path: string, { host = 'host', ...wishes }: SnapshotWishes = {}): Promise<BackupSummary> {
    const bytes = Buffer.from(path);
    return backup(
      await this.indexed(),
      this.state,
      {
        sources: [{ path: bytes, storedAs: bytes, named: true }],
        filter: () => undefined,
        oneFileSystem: false,
        host,
        user: 'user',
        tags: [],
        excludes: [],
        program: 'test',
        force: false,
        rules: { ignoreInode: false, ignoreCtime: false },
        skipIfUnchanged: false,
        dryRun: false,
        withAtime: false,
        workers: 0,
        ...wishes,
      },
      ignoreEvents,
    );
  }
}

export class Scene {
  readonly surroundings: Surroundings = { engine: testEngine, clock, random: systemRandom };
  /** Added to the storage's clock, milliseconds. */
  now = 0;
  backend: MemoryBackend = new MemoryBackend({ ...systemClock, now: () => systemClock.now() + this.now });
  readonly full: Client;

  constructor() {
    this.full = new Client(this, { credential: { type: 'secret', secret: systemRandom.bytes(32) } });
  }

  static async make(): Promise<Scene> {
    const scene = new Scene();
    await initRepository(scene.surroundings, scene.backend, {
      credential: scene.full.open.credential,
      method: 'key',
      label: 'first',
      chunker: { min: 4096, average: 16_384, max: 65_536 },
      packTarget: 1 << 20,
      compression: 1,
      blobSuite: 'aes-256-gcm',
    });
    return scene;
  }

  /** With a key file as `neo key add --out` writes it. */
  async add(role: Role, label: string, expires = 0): Promise<Client> {
    const repository = await this.full.repository();
    const prepared = await prepareKey(repository, { label, role, expires }, { method: 'key' });
    await publishKey(repository, prepared);
    if (prepared.keyFile === undefined) throw new Error('no key file');
    const file = parseKeyFile(prepared.keyFile);
    if (file.secret.type !== 'open') throw new Error('a protected key file');
    const open: OpenOptions = {
      credential: { type: 'secret', secret: file.secret.secret },
      keySlot: file.client,
      carriedSlot: { client: file.client, bytes: file.slot },
    };
    return new Client(this, open, prepared.keyFile);
  }

  async snapshots(): Promise<readonly Snapshot[]> {
    const repository = await this.full.repository();
    return (await listSnapshots(repository, repository.keys.full?.epochs ?? [])).snapshots;
  }

  /** What restoring a snapshot gives, by path, read with a key of role full. */
  async read(name: ObjectName | undefined, as: Client = this.full): Promise<Map<string, Buffer>> {
    const repository = await as.indexed();
    const { snapshots } = await listSnapshots(repository, repository.keys.full?.epochs ?? []);
    const snapshot = snapshots.find((each) => each.name === name);
    if (snapshot === undefined) throw new Error('no such snapshot');
    const files = new Map<string, Buffer>();
    await readInto(new BlobReader(repository), snapshot.body.tree, '', files);
    return files;
  }

  async objects(folder: string): Promise<string[]> {
    const paths: string[] = [];
    for await (const { path } of this.backend.list(folder)) paths.push(path);
    return paths.sort();
  }
}

async function readInto(reader: BlobReader, tree: ContentKey, above: string, into: Map<string, Buffer>): Promise<void> {
  for await (const node of readTree((kind, key) => reader.load(kind, key), tree)) {
    const path = `${above}/${Buffer.from(node.name).toString()}`;
    if (node.tree !== undefined) await readInto(reader, node.tree, path, into);
    if (node.type !== 'file') continue;
    const parts: Uint8Array[] = [];
    for await (const piece of contentPieces((kind, key) => reader.load(kind, key), node.content, node.size)) {
      parts.push((await reader.load('data', piece.key)).subarray(piece.from, piece.to));
    }
    into.set(path, Buffer.concat(parts));
  }
}

/** Small files and large ones, in two directories; `seed` makes them differ. */
export function makeFiles(folder: string, seed: number): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  mkdirSync(join(folder, 'inner'), { recursive: true });
  for (let at = 0; at < 8; at++) {
    const path = join(folder, at % 2 === 0 ? `small-${at}` : `inner/small-${at}`);
    files.set(path, pattern(700 + at, seed * 100 + at));
  }
  files.set(join(folder, 'large'), pattern(300_000, seed * 100 + 50));
  files.set(join(folder, 'inner/large'), pattern(120_000, seed * 100 + 51));
  for (const [path, bytes] of files) writeFileSync(path, bytes);
  return files;
}

/** Looks random, and is the same each time. */
export function pattern(length: number, seed: number): Buffer {
  const key = new Uint8Array(32).fill(seed & 255, 0, 31).fill(seed >> 8, 31);
  return Buffer.concat(
    Array.from({ length: Math.ceil(length / 32) }, (_, at) => testEngine.blake3(Buffer.from(`${at}`), key)),
  ).subarray(0, length);
}

/** Other bytes in a file that looks the same: size, times and inode stay. */
export function rewriteUnseen(path: string, bytes: Buffer): void {
  const { atime, mtime } = statSync(path);
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}

/** What somebody does who has a client's key and writes to the storage by himself. */
export class Thief {
  readonly repository: IndexedRepository;
  readonly #scene: Scene;
  readonly #own = new Set<string>();

  constructor(scene: Scene, repository: IndexedRepository) {
    this.#scene = scene;
    this.repository = repository;
  }

  static async with(scene: Scene, client: Client): Promise<Thief> {
    return new Thief(scene, await client.indexed());
  }

  /** A pack whose directory may say anything of the bytes in it. */
  async pack(entries: readonly Omit<BlobEntry, 'offset'>[], bytes: readonly Uint8Array[]): Promise<PackRecord> {
    const { repository } = this;
    const buffer = new Uint8Array(1 << 20);
    buffer.set(encodeHeader('pack', repository.repository));
    let used = HEADER_LENGTH;
    const placed = entries.map((entry, at) => {
      const sealed = bytes[at] ?? new Uint8Array(entry.length);
      buffer.set(sealed, used);
      const offset = used;
      used += entry.length;
      return { ...entry, offset };
    });
    const context = { ...repository, indexKey: repository.keys.index, session: newSession() };
    const made = finishPack(context, buffer, used, placed);
    await this.#scene.backend.put(packPath(made.name), made.bytes);
    const { certificate } = repository.signer;
    return {
      name: made.name,
      size: made.bytes.length,
      author: certificate.client,
      authorRole: certificate.role,
      entries: placed,
    };
  }

  /** Signed with the stolen key, whatever it says. */
  async segment(packs: readonly PackRecord[], more: Partial<IndexSegment> = {}, folder = 'index'): Promise<string> {
    const body = encodeSegment({ final: true, session: newSession(), covered: [], replaced: [], packs, ...more });
    const { repository } = this;
    const bytes = encodeSealedSigned(repository, 'index', repository.keys.index, repository.signer, body);
    return this.#put(folder, bytes);
  }

  /** As {@link segment}, drawn again until it comes before those of all others in the order of names. */
  async firstSegment(packs: readonly PackRecord[]): Promise<void> {
    const first = (await this.#scene.objects('index')).find((path) => !this.#own.has(path)) ?? 'index/g';
    for (;;) {
      const path = await this.segment(packs);
      this.#own.add(path);
      if (path < first) return;
      this.#scene.backend.tamper(path, undefined);
    }
  }

  async #put(folder: string, bytes: Uint8Array): Promise<string> {
    const path = `${folder}/${objectName(toHex(this.repository.engine.blake3(bytes)))}`;
    await this.#scene.backend.put(path, bytes);
    return path;
  }

  async raw(folder: string, bytes: Uint8Array): Promise<string> {
    return this.#put(folder, bytes);
  }
}

export function newSession(): ReturnType<typeof sessionId> {
  return sessionId(toHex(systemRandom.bytes(16)));
}

/** An entry of any length for an id. */
export function entryOf(id: BlobId, length: number, kind: BlobEntry['kind'] = 'data'): Omit<BlobEntry, 'offset'> {
  return { id, kind, contentEpoch: 0, length, hash: new Uint8Array(32) };
}

export async function clientOf(client: Client): Promise<ClientId> {
  return (await client.repository()).client;
}

const HUGE = 2 ** 40;

/** Lists objects of a terabyte, which nobody must try to hold. */
export class HugeBackend extends MemoryBackend {
  readonly #below: MemoryBackend;
  readonly #huge: readonly string[];

  constructor(below: MemoryBackend, huge: readonly string[]) {
    super(systemClock);
    this.#below = below;
    this.#huge = huge;
  }

  override tamper(path: string, bytes: Uint8Array | undefined): void {
    this.#below.tamper(path, bytes);
  }

  override async put(path: string, bytes: Uint8Array): Promise<void> {
    return this.#below.put(path, bytes);
  }

  override async get(path: string): Promise<Uint8Array | undefined> {
    if (this.#huge.includes(path)) throw new RangeError(`File size of ${path} is greater than 2 GiB`);
    return this.#below.get(path);
  }

  override async getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    return this.#huge.includes(path) ? new Uint8Array(range.length) : this.#below.getRange(path, range);
  }

  override async *list(folder: string): AsyncIterable<ObjectInfo> {
    yield* this.#below.list(folder);
    for (const path of this.#huge) if (path.startsWith(`${folder}/`)) yield { path, size: HUGE, modified: 0 };
  }

  override async stat(path: string): Promise<ObjectInfo | undefined> {
    return this.#huge.includes(path) ? { path, size: HUGE, modified: 0 } : this.#below.stat(path);
  }
}
