/** A repository in memory, snapshots into it, and what a snapshot holds, read back by walking its trees. */
import { readFileSync } from 'node:fs';
import type { Backend } from '../../src/backends/backend.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { NeoEvent } from '../../src/core/events.ts';
import type { ContentKey, ObjectName } from '../../src/core/ids.ts';
import { systemRandom } from '../../src/core/random.ts';
import type { Engine, Hasher } from '../../src/engine/engine.ts';
import { BlobReader } from '../../src/repo/blob-reader.ts';
import { type ClientState, MemoryState } from '../../src/repo/client-state.ts';
import { type IndexedRepository, loadIndex } from '../../src/repo/indexed.ts';
import { DEFAULT_PACK_TARGET, initRepository } from '../../src/repo/init.ts';
import { openRepository } from '../../src/repo/repository.ts';
import { contentPieces, loadContent } from '../../src/snapshot/content.ts';
import { decodeExtents } from '../../src/snapshot/extents.ts';
import { listSnapshots, type Snapshot } from '../../src/snapshot/listing.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { readTree } from '../../src/snapshot/tree.ts';
import { type BackupOptions, type BackupSummary, backup } from '../../src/tasks/backup.ts';
import { makeSelection, resolveSources, type SelectionOptions } from '../../src/tasks/selection.ts';
import { testEngine } from '../support/temp-repository.ts';

export const engine = testEngine;

export const NOTHING_LEFT_OUT: SelectionOptions = {
  exclude: [],
  iexclude: [],
  excludeFiles: [],
  include: [],
  excludeIfPresent: [],
  excludeCaches: false,
  gitignore: false,
};

export interface Made extends BackupSummary {
  readonly warnings: readonly { readonly path: string; readonly message: string }[];
}

export interface TestOptions extends Partial<BackupOptions> {
  readonly select?: Partial<SelectionOptions>;
  readonly signal?: AbortSignal;
  readonly as?: string;
  /** Called for each chunk of a large file, before the next bytes are read. */
  readonly whileReading?: () => void;
}

/** The engine, with a hook where the chunks of a file are hashed: files have a key, packs have none. */
function hooked(hook: () => void): Engine {
  const blake3Hasher = (key?: Uint8Array): Hasher => {
    const hasher = engine.blake3Hasher(key);
    if (key === undefined) return hasher;
    return {
      update(bytes) {
        hasher.update(bytes);
        hook();
      },
      soFar: () => hasher.soFar(),
      digest: () => hasher.digest(),
    };
  };
  return new Proxy(engine, {
    get(target, name) {
      if (name === 'blake3Hasher') return blake3Hasher;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Bytes that do not compress, always the same. */
export function noise(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed * 2_654_435_761 + 1;
  for (let at = 0; at < size; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** An hour ahead of the files' times: no file counts as changed in the tick in which it was read. */
export const clockAhead: Clock = {
  now: () => systemClock.now() + 3_600_000,
  monotonic: () => systemClock.monotonic(),
};

const CHUNKER = { min: 16_384, average: 65_536, max: 262_144 };

export class TestRepository {
  readonly backend: Backend;
  readonly state: ClientState = new MemoryState();
  readonly #secret: Uint8Array;
  readonly #clock: Clock;

  constructor(backend: Backend, clock: Clock, secret = systemRandom.bytes(32)) {
    this.backend = backend;
    this.#clock = clock;
    this.#secret = secret;
  }

  static async make(
    backend: Backend = new MemoryBackend(systemClock),
    clock = clockAhead,
    packTarget = DEFAULT_PACK_TARGET,
    compression = 3,
  ): Promise<TestRepository> {
    const made = new TestRepository(backend, clock);
    await initRepository({ engine, clock, random: systemRandom }, backend, {
      credential: { type: 'secret', secret: made.#secret },
      method: 'key',
      label: 'test',
      chunker: CHUNKER,
      packTarget,
      compression,
      blobSuite: 'aes-256-gcm',
    });
    return made;
  }

  /** The same, where it lies elsewhere. */
  at(backend: Backend, clock: Clock): TestRepository {
    return new TestRepository(backend, clock, this.#secret);
  }

  async open(hook?: () => void): Promise<IndexedRepository> {
    const surroundings = {
      engine: hook === undefined ? engine : hooked(hook),
      clock: this.#clock,
      random: systemRandom,
    };
    return loadIndex(
      await openRepository(surroundings, this.backend, { credential: { type: 'secret', secret: this.#secret } }),
    );
  }

  /** Of paths as a user types them. Everything in this thread unless `workers` says otherwise. */
  async snapshot(paths: readonly (string | Uint8Array)[], options: TestOptions = {}): Promise<Made> {
    const { select, signal, as, whileReading, ...given } = options;
    const warnings: { path: string; message: string }[] = [];
    const hear = (event: NeoEvent): void => {
      if (event.type === 'warning') {
        warnings.push({ path: Buffer.from(event.path ?? []).toString('latin1'), message: event.message });
      }
    };
    const selection = makeSelection({ ...NOTHING_LEFT_OUT, ...select }, hear);
    const bytes = paths.map((path) => (typeof path === 'string' ? Buffer.from(path) : path));
    const summary = await backup(
      await this.open(whileReading),
      this.state,
      {
        sources: resolveSources(bytes, process.cwd(), as),
        filter: selection.filter,
        oneFileSystem: false,
        host: 'host',
        user: 'user',
        tags: [],
        excludes: selection.described,
        program: 'test',
        force: false,
        rules: { ignoreInode: false, ignoreCtime: false },
        skipIfUnchanged: false,
        dryRun: false,
        withAtime: false,
        workers: 0,
        ...given,
      },
      hear,
      signal,
    );
    return { ...summary, warnings };
  }

  async snapshots(): Promise<readonly Snapshot[]> {
    const repository = await this.open();
    return (await listSnapshots(repository, repository.keys.full?.epochs ?? [])).snapshots;
  }

  /** Every node of a snapshot by its path (latin1), with its bytes; the latest one unless named. */
  async read(name?: ObjectName): Promise<Map<string, Found>> {
    const repository = await this.open();
    const { snapshots } = await listSnapshots(repository, repository.keys.full?.epochs ?? []);
    const wanted = name === undefined ? snapshots.at(-1) : snapshots.find((snapshot) => snapshot.name === name);
    if (wanted === undefined) throw new Error('no such snapshot');
    const found = new Map<string, Found>();
    await readInto(new BlobReader(repository), wanted.body.tree, '', found);
    return found;
  }

  /** Paths and sizes of all objects. */
  async objects(folder = ''): Promise<Map<string, number>> {
    const sizes = new Map<string, number>();
    for (const top of folder === '' ? ['config', 'keys', 'packs', 'index', 'snapshots'] : [folder]) {
      for await (const { path, size } of this.backend.list(top)) sizes.set(path, size);
    }
    return sizes;
  }
}

export interface Found extends Node {
  /** Of a file of at most 64 MiB: what restoring it gives. */
  readonly bytes?: Buffer;
}

const READABLE = 64 << 20;

async function readInto(reader: BlobReader, tree: ContentKey, above: string, into: Map<string, Found>): Promise<void> {
  for await (const node of readTree((kind, key) => reader.load(kind, key), tree)) {
    const path = `${above}/${Buffer.from(node.name).toString('latin1')}`;
    const bytes = node.type === 'file' && node.size <= READABLE ? { bytes: await fileBytes(reader, node) } : {};
    into.set(path, { ...node, ...bytes });
    if (node.tree !== undefined) await readInto(reader, node.tree, path, into);
  }
}

/** Fails unless the content is as long as the node's map of data says. */
async function fileBytes(reader: BlobReader, node: Node): Promise<Buffer> {
  const load = (kind: 'tree' | 'list' | 'data', key: ContentKey): Promise<Uint8Array> => reader.load(kind, key);
  const extents = await extentsOf(reader, node);
  const length = extents.reduce((sum, extent) => sum + extent.length, 0);
  const parts: Uint8Array[] = [];
  for await (const piece of contentPieces(load, node.content, length)) {
    parts.push((await load('data', piece.key)).subarray(piece.from, piece.to));
  }
  const data = Buffer.concat(parts);
  if (data.length !== length) throw new Error(`${data.length} bytes saved where ${length} are recorded`);
  const bytes = Buffer.alloc(node.size);
  let at = 0;
  for (const extent of extents) {
    if (extent.offset + extent.length > node.size) throw new Error('data beyond the end');
    data.copy(bytes, extent.offset, at, at + extent.length);
    at += extent.length;
  }
  return bytes;
}

export async function extentsOf(
  reader: BlobReader,
  node: Node,
): Promise<readonly { readonly offset: number; readonly length: number }[]> {
  if (node.extentContent !== undefined) {
    return decodeExtents(await loadContent((kind, key) => reader.load(kind, key), node.extentContent));
  }
  return node.extents ?? [{ offset: 0, length: node.size }];
}

export function sameBytes(found: Found | undefined, path: string | Buffer): boolean {
  return found?.bytes?.equals(readFileSync(path)) === true;
}
