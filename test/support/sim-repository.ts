/** A repository in the simulator: made, written, checked and read back in one thread, with given time and randomness. */
import type { Backend, ByteRange, ObjectInfo } from '../../src/backends/backend.ts';
import type { Clock } from '../../src/core/clock.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import type { ContentKey, ObjectName } from '../../src/core/ids.ts';
import type { Random } from '../../src/core/random.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { BlobReader } from '../../src/repo/blob-reader.ts';
import type { ClientState } from '../../src/repo/client-state.ts';
import { type IndexedRepository, loadIndex } from '../../src/repo/indexed.ts';
import { type InitOptions, initRepository } from '../../src/repo/init.ts';
import { openRepository } from '../../src/repo/repository.ts';
import { contentPieces } from '../../src/snapshot/content.ts';
import { decodeExtents } from '../../src/snapshot/extents.ts';
import { listSnapshots } from '../../src/snapshot/listing.ts';
import type { Node } from '../../src/snapshot/node.ts';
import { type LoadBlob, readTree } from '../../src/snapshot/tree.ts';
import { type BackupSummary, backup } from '../../src/tasks/backup.ts';
import { type CheckOptions, type CheckSummary, check } from '../../src/tasks/check.ts';
import { describeEntry, fingerprint, type Model } from './sim-sources.ts';

const credential = { type: 'secret' as const, secret: new Uint8Array(32).fill(7) };

export interface World {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
  readonly backend: Backend;
}

/** The smallest chunks and packs that are allowed: a small tree gives many of them. */
export async function initWorld(
  { backend, ...surroundings }: World,
  packTarget = 1 << 16,
  more: Partial<InitOptions> = {},
): Promise<void> {
  await initRepository(surroundings, backend, {
    credential,
    method: 'key',
    label: 'first key',
    chunker: { min: 1024, average: 16_384, max: 65_536 },
    packTarget,
    compression: 3,
    blobSuite: 'aes-256-gcm',
    ...more,
  });
}

export async function openWorld({ backend, ...surroundings }: World): Promise<IndexedRepository> {
  return loadIndex(await openRepository(surroundings, backend, { credential }));
}

/** Every state of the folder is stored under this path. */
export const STORED_AS = '/home/w';

export async function snapshotWorld(
  world: World,
  state: ClientState,
  folder: string,
  signal?: AbortSignal,
): Promise<BackupSummary> {
  return backup(
    await openWorld(world),
    state,
    {
      sources: [{ path: Buffer.from(folder), storedAs: Buffer.from(STORED_AS), named: true }],
      filter: () => undefined,
      oneFileSystem: false,
      host: 'host',
      user: 'user',
      tags: [],
      excludes: [],
      program: 'test',
      force: false,
      // The states are copies: other inodes, other change times, the same modification times.
      rules: { ignoreInode: true, ignoreCtime: true },
      skipIfUnchanged: false,
      dryRun: false,
      withAtime: false,
      workers: 0,
    },
    ignoreEvents,
    signal,
  );
}

export async function checkWorld(world: World, state: ClientState, options: CheckOptions = {}): Promise<CheckSummary> {
  return check(await openWorld(world), state, options);
}

/** What a snapshot holds below {@link STORED_AS}, every byte of it read, decrypted and verified. */
export async function readSnapshot(repository: IndexedRepository, name: ObjectName): Promise<Model> {
  const { snapshots } = await listSnapshots(repository, repository.keys.full?.epochs ?? []);
  const snapshot = snapshots.find((listed) => listed.name === name);
  if (snapshot === undefined) throw new Error(`snapshot ${name} is not there`);
  const reader = new BlobReader(repository);
  const load: LoadBlob = (kind, key) => reader.load(kind, key);
  const model = new Map<string, string>();
  let root: Node | undefined;
  let tree: ContentKey | undefined = snapshot.body.tree;
  for (const part of STORED_AS.split('/').slice(1)) {
    root = undefined;
    if (tree === undefined) break;
    for await (const node of readTree(load, tree)) if (Buffer.from(node.name).toString() === part) root = node;
    tree = root?.tree;
  }
  if (root !== undefined) await describeNode(load, root, '', model);
  return model;
}

async function describeNode(load: LoadBlob, node: Node, path: string, model: Map<string, string>): Promise<void> {
  const { type, mode, uid, mtime, links } = node;
  const target = node.target === undefined ? '' : Buffer.from(node.target).toString();
  const content = type === 'file' ? fingerprint(await bytesOf(load, node)) : target;
  model.set(path, describeEntry({ type, mode, uid, mtime, content, links: type === 'directory' ? 1 : links }));
  if (node.tree === undefined) return;
  for await (const child of readTree(load, node.tree)) {
    await describeNode(load, child, `${path}/${Buffer.from(child.name).toString()}`, model);
  }
}

/** Paths that cannot be read back, found by trying each: a directory whose tree is lost stands for all below it. */
export async function unreadablePaths(repository: IndexedRepository, name: ObjectName): Promise<string[]> {
  const { snapshots } = await listSnapshots(repository, repository.keys.full?.epochs ?? []);
  const snapshot = snapshots.find((listed) => listed.name === name);
  if (snapshot === undefined) throw new Error(`snapshot ${name} is not there`);
  const reader = new BlobReader(repository);
  const load: LoadBlob = (kind, key) => reader.load(kind, key);
  const lost: string[] = [];
  const visit = async (tree: ContentKey, path: string): Promise<void> => {
    try {
      for await (const node of readTree(load, tree)) {
        const below = `${path}/${Buffer.from(node.name).toString()}`;
        if (node.tree !== undefined) await visit(node.tree, below);
        else await bytesOf(load, node).catch(() => lost.push(below));
      }
    } catch {
      lost.push(path === '' ? '/' : path);
    }
  };
  await visit(snapshot.body.tree, '');
  return lost.sort();
}

async function bytesOf(load: LoadBlob, node: Node): Promise<Uint8Array> {
  const bytes = new Uint8Array(node.size);
  const inline = node.extents ?? [{ offset: 0, length: node.size }];
  const extents =
    node.extentContent === undefined ? inline : decodeExtents(await piecesOf(load, node.extentContent, 0));
  const length = extents.reduce((sum, extent) => sum + extent.length, 0);
  const content = await piecesOf(load, node.content, length);
  if (content.length !== length) throw new Error(`${content.length} bytes in place of ${length}`);
  let at = 0;
  for (const extent of extents) {
    bytes.set(content.subarray(at, at + extent.length), extent.offset);
    at += extent.length;
  }
  return bytes;
}

async function piecesOf(load: LoadBlob, content: Node['content'], length: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of contentPieces(load, content, length)) {
    pieces.push((await load('data', piece.key)).subarray(piece.from, piece.to));
  }
  return Buffer.concat(pieces);
}

/** Calls `onPut` before every put: time passes there, or somebody presses Ctrl-C. */
export class WatchedBackend implements Backend {
  readonly location = 'watched:';
  readonly #inner: Backend;
  readonly #onPut: (path: string) => void;

  constructor(inner: Backend, onPut: (path: string) => void) {
    this.#inner = inner;
    this.#onPut = onPut;
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    this.#onPut(path);
    await this.#inner.put(path, bytes);
  }

  get(path: string): Promise<Uint8Array | undefined> {
    return this.#inner.get(path);
  }

  getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    return this.#inner.getRange(path, range);
  }

  list(folder: string): AsyncIterable<ObjectInfo> {
    return this.#inner.list(folder);
  }

  stat(path: string): Promise<ObjectInfo | undefined> {
    return this.#inner.stat(path);
  }

  remove(path: string): Promise<void> {
    return this.#inner.remove(path);
  }

  now(): Promise<number> {
    return this.#inner.now();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
