/** Role write: adds snapshots, deduplicates, and opens none, not even its own. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import type { ObjectName } from '../../src/core/ids.ts';
import { deriveKey } from '../../src/engine/keys.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { BlobReader } from '../../src/repo/blob-reader.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { parseKeyFile } from '../../src/repo/key-file.ts';
import { decodeSlot } from '../../src/repo/key-slots.ts';
import { type Repository, requireFull } from '../../src/repo/repository.ts';
import { contentPieces } from '../../src/snapshot/content.ts';
import { readTree } from '../../src/snapshot/tree.ts';
import { TreeCache } from '../../src/snapshot/tree-cache.ts';
import { listKeys, prepareKey } from '../../src/tasks/keys.ts';
import { inHex } from '../support/in-hex.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { derivable, keysInText, openedBlobs, openedSnapshots, storedBlobs, textOfCache } from './write-only-reach.ts';
import { type Client, makeFiles, pattern, Scene } from './write-only-support.ts';

/** Searches are the same with either; this one is fast. */
const engine = await loadEngine('native');

/** Remembers what is written, so that a test can look into it. */
class OpenState extends MemoryState {
  readonly files = new Map<string, Uint8Array>();

  override async write(name: string, bytes: Uint8Array): Promise<void> {
    this.files.set(name, bytes);
    await super.write(name, bytes);
  }
}

/** Every byte string in a value, whatever it is called. */
function bytesIn(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(bytesIn) : [];
}

/** All that the key file holds, opened. */
function seedsOf(repository: Repository, keyFile: Uint8Array): Uint8Array[] {
  const file = parseKeyFile(keyFile);
  const { slot } = repository;
  if (slot.keys.role !== 'write') throw new Error('not a write key');
  return [
    ...bytesIn([file.secret, slot.keys, slot.signSeed, slot.kemSeed, decodeSlot(file.client, file.slot).commitment]),
    ...keysInText(Buffer.from(keyFile).toString()).slice(0, 50),
    Buffer.from(slot.config0, 'hex'),
    repository.config.signPublic,
    repository.config.sealPublic.slice(0, 32),
    repository.config.sealPublic.slice(-32),
  ];
}

/** Ids of all blobs of a snapshot. */
async function blobsOf(scene: Scene, name: ObjectName | undefined): Promise<Set<string>> {
  const repository = await scene.full.indexed();
  const { engine } = repository;
  const reader = new BlobReader(repository);
  const load = (kind: 'tree' | 'list' | 'data', key: Parameters<BlobReader['load']>[1]): Promise<Uint8Array> =>
    reader.load(kind, key);
  const ids = new Set<string>();
  const idOf = (key: Parameters<BlobReader['load']>[1]): string =>
    toHex(engine.blake3(Buffer.concat([Buffer.from('neo/v1 id'), key])));
  const walk = async (tree: Parameters<BlobReader['load']>[1]): Promise<void> => {
    ids.add(idOf(tree));
    for await (const node of readTree(load, tree)) {
      if (node.tree !== undefined) await walk(node.tree);
      for await (const { key } of contentPieces(load, node.content, node.size)) ids.add(idOf(key));
    }
  };
  const snapshot = (await scene.snapshots()).find((each) => each.name === name);
  if (snapshot === undefined) throw new Error('no such snapshot');
  await walk(snapshot.body.tree);
  return ids;
}

describe('a key of role write', () => {
  it('opens no snapshot and no blob, whatever is derived from it and from the whole repository', async () => {
    const scene = await Scene.make();
    const client = await scene.add('write', 'laptop');
    const [foreign, own] = [await tempFolder(), await tempFolder()];
    makeFiles(foreign, 1);
    makeFiles(own, 2);
    await scene.full.snapshot(foreign);
    await client.snapshot(own);
    const repository = { ...(await client.repository()), engine };
    const { blobs, told } = await storedBlobs(repository);
    expect(blobs.length).toBeGreaterThan(20);
    const seeds = seedsOf(repository, client.keyFile ?? new Uint8Array());
    const keys = derivable(engine, seeds);
    for (const value of told) keys.set(toHex(value), value);
    expect(keys.size).toBeGreaterThan(800);
    expect(openedBlobs(engine, blobs, keys)).toEqual(new Set());
    const pairs = new Map(seeds.map((seed) => [toHex(seed), seed]));
    expect(await openedSnapshots(repository, keys, pairs)).toEqual(new Set());
    // The same search with what a full key holds finds all of them: it can fail.
    const full = (await scene.full.repository()).keys.full?.epochs[0]?.sealSeed ?? new Uint8Array(32);
    expect((await openedSnapshots(repository, new Map(), new Map([['full', full]]))).size).toBe(2);
  });

  it('opens with its cache what its latest snapshot holds, and nothing else', async () => {
    const scene = await Scene.make();
    const client = await scene.add('write', 'laptop');
    const state = new OpenState();
    client.state = state;
    const [foreign, own] = [await tempFolder(), await tempFolder()];
    makeFiles(foreign, 1);
    makeFiles(own, 2);
    const theirs = await scene.full.snapshot(foreign);
    const first = await client.snapshot(own);
    rmSync(join(own, 'large'));
    writeFileSync(join(own, 'small-0'), pattern(900, 5));
    const latest = await client.snapshot(own);
    const repository = { ...(await client.repository()), engine };
    const { blobs } = await storedBlobs(repository);
    const texts: string[] = [];
    for (const bytes of state.files.values()) {
      texts.push(Buffer.from(bytes).toString('latin1'));
      const decoded = TreeCache.decode(engine, repository.signer.seed, bytes);
      if (decoded === undefined) continue;
      texts.push(Buffer.from(decoded.about).toString(), await textOfCache(decoded.cache, decoded.root));
      texts.push(Buffer.from(decoded.root).toString('hex'));
    }
    const found = keysInText(texts.join('\n'));
    expect(found.length).toBeGreaterThan(10);
    const keys = new Map(found.map((key) => [toHex(key), key]));
    const opened = openedBlobs(engine, blobs, keys);
    const now = await blobsOf(scene, latest.snapshot);
    expect([...opened].filter((id) => !now.has(id))).toEqual([]);
    expect(opened.size).toBeGreaterThan(5);
    const before = await blobsOf(scene, first.snapshot);
    expect([...before].some((id) => !now.has(id))).toBe(true);
    for (const id of await blobsOf(scene, theirs.snapshot)) expect(opened).not.toContain(id);
    expect(await openedSnapshots(repository, keys, keys)).toEqual(new Set());
  });

  it('is refused what needs role full', async () => {
    const scene = await Scene.make();
    const client = await scene.add('write', 'laptop');
    const repository = await client.repository();
    expect(() => requireFull(repository, 'read snapshots')).toThrow(expect.objectContaining({ exitCode: 13 }));
    const wishes = { label: 'x', role: 'write' as const, expires: 0 };
    await expect(prepareKey(repository, wishes, { method: 'key' })).rejects.toMatchObject({ exitCode: 13 });
    expect((await listKeys(repository)).keys.map(({ label, current }) => [label, current]).sort()).toEqual([
      ['first', false],
      ['laptop', true],
    ]);
    expect(repository.keys.full).toBeUndefined();
    const all = JSON.stringify(inHex(repository.slot));
    expect(all).toContain(toHex(repository.slot.signSeed));
    const { full } = (await scene.full.repository()).keys;
    for (const secret of [full?.root, full?.epochs[0]?.sealSeed, full?.epochs[0]?.signSeed]) {
      expect(all).not.toContain(toHex(secret ?? new Uint8Array(1)));
    }
    expect(toHex(deriveKey(repository.engine, full?.root ?? new Uint8Array(), 'index'))).toBe(
      toHex(repository.keys.index),
    );
  });
});

describe('snapshots by a key of role write', () => {
  async function twice(between: (client: Client, folder: string) => void | Promise<void>) {
    const scene = await Scene.make();
    const client = await scene.add('write', 'laptop');
    const folder = await tempFolder();
    const files = makeFiles(folder, 3);
    await client.snapshot(folder);
    await between(client, folder);
    const second = await client.snapshot(folder);
    expect(await scene.read(second.snapshot)).toEqual(files);
    return { second, files };
  }

  it('do not open unchanged files again', async () => {
    const { second, files } = await twice(() => undefined);
    expect(second).toMatchObject({ filesUnmodified: files.size, filesNew: 0, bytesAdded: 0 });
  });

  it('read everything again when the cache is lost, and store nothing twice', async () => {
    const { second, files } = await twice((client) => {
      client.state = new MemoryState();
    });
    expect(second).toMatchObject({ filesUnmodified: 0, filesNew: files.size, bytesAdded: 0, errors: 0 });
  });

  it("read everything again when the cache is damaged or somebody else's", async () => {
    const { second, files } = await twice(async (client) => {
      const damaged = new OpenState();
      const read = client.state.read.bind(client.state);
      damaged.read = async (name) => (await read(name))?.map((byte) => byte ^ 1);
      client.state = damaged;
    });
    expect(second).toMatchObject({ filesUnmodified: 0, filesNew: files.size, errors: 0 });
  });

  it('end with the key, while what it made stays', async () => {
    const scene = await Scene.make();
    const client = await scene.add('write', 'laptop', Date.now() + 7_200_000);
    const folder = await tempFolder();
    const files = makeFiles(folder, 4);
    const made = await client.snapshot(folder);
    scene.now += 7_200_001;
    await expect(client.snapshot(folder)).rejects.toMatchObject({ code: 'permission-denied', exitCode: 13 });
    expect(await scene.read(made.snapshot)).toEqual(files);
    expect((await listKeys(await client.repository())).keys).toHaveLength(2);
    expect((await scene.full.snapshot(folder)).errors).toBe(0);
  });
});
