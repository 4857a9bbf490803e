/** A backup without a disk: the writer's side of the real protocol, over trees of a few blobs. */
import { toHex } from '../../../src/core/bytes.ts';
import { isNeoError } from '../../../src/core/errors.ts';
import { ignoreEvents } from '../../../src/core/events.ts';
import type { ContentKey, ObjectName } from '../../../src/core/ids.ts';
import { blobIdOf } from '../../../src/engine/keys.ts';
import { BlobReader } from '../../../src/repo/blob-reader.ts';
import { BlobWriter } from '../../../src/repo/blob-writer.ts';
import { confirmWithin } from '../../../src/repo/grace.ts';
import { type IndexedRepository, loadIndex } from '../../../src/repo/indexed.ts';
import type { Repository } from '../../../src/repo/repository.ts';
import { SessionWriter } from '../../../src/repo/session-writer.ts';
import { chainHeads, listHeads, openSnapshots } from '../../../src/snapshot/listing.ts';
import type { Node } from '../../../src/snapshot/node.ts';
import { listRemovals, trashOf } from '../../../src/snapshot/removal.ts';
import { encodeSnapshot, type SnapshotBody } from '../../../src/snapshot/snapshot.ts';
import { type LoadBlob, readTree, TreeBuilder } from '../../../src/snapshot/tree.ts';
import { commitSnapshot, Overtaken, takeStanding } from '../../../src/tasks/commit.ts';
import type { SimRandom } from '../sim-random.ts';
import type { Truth } from './truth.ts';

/** Files of a folder: name → which of a few contents. */
export type Files = ReadonlyMap<string, number>;

export function randomFiles(random: SimRandom): Files {
  const files = new Map<string, number>();
  for (let n = random.below(3); n >= 0; n--) files.set(`f${3 - n}`, random.below(8));
  return files;
}

export function contentOf(number: number): Uint8Array {
  return new Uint8Array(400).fill(number + 1);
}

const STATISTICS = {
  filesNew: 0,
  filesChanged: 0,
  filesUnmodified: 0,
  directories: 0,
  bytesProcessed: 0,
  bytesAdded: 0,
  bytesStored: 0,
  errors: 0,
  durationMs: 0,
};

function node(name: string, more: Partial<Node>): Node {
  return {
    name: Buffer.from(name),
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 1n,
    ctime: 1n,
    inode: 1n,
    device: 0,
    links: 1,
    size: 0,
    ...more,
  };
}

/** One folder `d` below the root, and one `e` that is kept from the parent unseen where there is one. */
export async function writeSnapshot(
  opened: Repository,
  files: Files,
  random: SimRandom,
  truth: Truth,
): Promise<ObjectName> {
  try {
    return await writeOnce(opened, files, random, truth);
  } catch (error) {
    if (!(error instanceof Overtaken)) throw error;
    return writeOnce(opened, files, random, truth);
  }
}

async function writeOnce(opened: Repository, files: Files, random: SimRandom, truth: Truth): Promise<ObjectName> {
  const repository = await loadIndex(opened, 64);
  const removed = trashOf(await listRemovals(repository));
  const listing = await listHeads(repository);
  const standing = await takeStanding(repository);
  const session = new SessionWriter(repository, { uploads: 2, dryRun: false, onStored: () => undefined });
  const writer = new BlobWriter({
    context: { ...repository, indexKey: repository.keys.index, session: session.session },
    content: repository.keys.content,
    index: repository.index,
    suite: 'aes-256-gcm',
    packTarget: 1 << 16,
    openPacks: 1,
    onPack: (pack) => session.add(pack),
  });
  try {
    const needs = new Set<string>();
    const save = (kind: 'tree' | 'list' | 'data', bytes: Uint8Array): ContentKey => {
      const { key, id } = writer.save(kind, bytes, 0);
      needs.add(toHex(id));
      return key;
    };
    const hash = (bytes: Uint8Array): Uint8Array => repository.engine.blake3(bytes);
    const folder = new TreeBuilder(save, hash);
    for (const [name, number] of files) folder.add(fileNode(name, number, save));
    const parent = latestOwn(repository, listing, removed);
    const kept = parent === undefined ? undefined : await keptFolder(repository, parent.body.tree);
    const root = new TreeBuilder(save, hash);
    root.add(node('d', { type: 'directory', tree: folder.finish() }));
    if (kept === undefined) {
      const other = new TreeBuilder(save, hash);
      other.add(fileNode('x', random.below(8), save));
      root.add(node('e', { type: 'directory', tree: other.finish() }));
    } else {
      for (const id of kept.ids) needs.add(id);
      root.add(kept.node);
    }
    const tree = root.finish();
    writer.finish();
    await session.finish();
    const own = listing.heads.filter(({ head }) => head.client === repository.client);
    const seal = (validation: { readonly time: number; readonly generation: number }): Uint8Array => {
      const bytes = encodeSnapshot(
        repository,
        repository.signer,
        repository.config,
        {
          session: session.session,
          sequence: own.length + 1,
          previous: chainHeads(listing.heads, repository.client).map(({ name }) => name),
          validated: validation.time,
          generation: validation.generation,
        },
        bodyOf(tree, validation.time),
      );
      truth.announce(bytes, needs);
      return bytes;
    };
    const restsOn = kept === undefined ? undefined : parent?.name;
    const name = await commitSnapshot(repository, { standing, session, root: tree, restsOn, seal }, ignoreEvents);
    truth.acknowledge(name);
    return name;
  } finally {
    await session.close();
  }
}

function fileNode(name: string, number: number, save: (kind: 'data', bytes: Uint8Array) => ContentKey): Node {
  const bytes = contentOf(number);
  const content = { type: 'chunks', chunks: [{ key: save('data', bytes), length: bytes.length }] } as const;
  return node(name, { size: bytes.length, content });
}

function bodyOf(tree: ContentKey, time: number): SnapshotBody {
  return {
    time,
    host: 'host',
    user: 'user',
    paths: [Buffer.from('/d')],
    tree,
    devices: [],
    tags: [],
    program: 'test',
    kind: 'snapshot',
    excludes: [],
    statistics: STATISTICS,
    rebundle: [],
  };
}

function latestOwn(
  repository: IndexedRepository,
  listing: Awaited<ReturnType<typeof listHeads>>,
  removed: ReadonlyMap<ObjectName, unknown>,
) {
  const { full } = repository.keys;
  if (full === undefined) return undefined;
  const { snapshots } = openSnapshots(repository, listing, full.epochs);
  return snapshots.findLast(
    ({ name, head, received }) =>
      head.client === repository.client && !removed.has(name) && received - head.validated <= confirmWithin(),
  );
}

/** The parent's folder `e`, with what it needs: believed as a whole, nothing of it is looked up. */
async function keptFolder(
  repository: IndexedRepository,
  root: ContentKey,
): Promise<{ readonly node: Node; readonly ids: readonly string[] } | undefined> {
  const reader = new BlobReader(repository);
  const load = (kind: 'tree' | 'list' | 'data', key: ContentKey): Promise<Uint8Array> => reader.load(kind, key);
  try {
    const nodes = await nodesOf(load, root);
    const kept = nodes.find(({ name }) => Buffer.from(name).toString() === 'e');
    if (kept?.tree === undefined) return undefined;
    const files = await nodesOf(load, kept.tree);
    const chunks = files.flatMap(({ content }) => (content?.type === 'chunks' ? content.chunks : []));
    const keys = [kept.tree, ...chunks.map(({ key }) => key)];
    return { node: kept, ids: keys.map((key) => toHex(blobIdOf(repository.engine, key))) };
  } catch (error) {
    if (!isNeoError(error, 'integrity')) throw error;
    // A parent that cannot be read is no reason to fail.
    return undefined;
  }
}

async function nodesOf(load: LoadBlob, tree: ContentKey): Promise<Node[]> {
  const nodes: Node[] = [];
  for await (const child of readTree(load, tree)) nodes.push(child);
  return nodes;
}
