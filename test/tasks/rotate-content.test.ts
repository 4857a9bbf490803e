/** New content secrets: for all that comes; and what was there, moved over. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import { objectName } from '../../src/core/ids.ts';
import { blobIdOf, contentKeyOf } from '../../src/engine/keys.ts';
import { BlobReader } from '../../src/repo/blob-reader.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { CONTENT_EPOCHS } from '../../src/repo/config.ts';
import { loadIndex, readSegments } from '../../src/repo/indexed.ts';
import { initRepository } from '../../src/repo/init.ts';
import { allSecrets, slotContents } from '../../src/repo/keyring.ts';
import { packPath } from '../../src/repo/pack/pack.ts';
import { openRepository, requireFull } from '../../src/repo/repository.ts';
import { findPath } from '../../src/snapshot/lookup.ts';
import { check } from '../../src/tasks/check.ts';
import { copySnapshots } from '../../src/tasks/copy.ts';
import { type PruneOptions, prune } from '../../src/tasks/prune.ts';
import { type RekeyOptions, rekeySnapshots } from '../../src/tasks/rekey.ts';
import { rotateKeys } from '../../src/tasks/rotate.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { type Client, makeFiles, pattern, Scene } from './write-only-support.ts';

const AT_ONCE: PruneOptions = {
  mostUnused: { share: 0 },
  repackSmall: false,
  grace: 0,
  soleWriter: true,
  wait: false,
  dryRun: false,
  trustClock: false,
  workers: 0,
  pause: async () => undefined,
};

async function rotate({ full }: Scene, ...drop: string[]) {
  return rotateKeys(await full.repository(), { drop, dryRun: false, content: true });
}

async function look(client: Client) {
  return lookAtSnapshots(await client.repository(), client.state, ignoreEvents);
}

async function rekey({ full }: Scene, more: Partial<RekeyOptions> = {}) {
  const seen = await look(full);
  const options = { look: seen, snapshots: seen.snapshots, keepOriginals: false, trash: 0, dryRun: false, workers: 0 };
  return rekeySnapshots(await full.indexed(), full.state, { ...options, ...more }, ignoreEvents);
}

async function damages({ full }: Scene) {
  return (await check(await full.indexed(), new MemoryState(), { readData: 'all' })).damages;
}

/** Of all blobs that segments tell of. */
async function epochsOf({ full }: Scene): Promise<number[]> {
  const { segments } = await readSegments(await full.repository());
  const entries = segments.flatMap(({ segment }) => segment.packs.flatMap((pack) => pack.entries));
  return [...new Set(entries.map(({ contentEpoch }) => contentEpoch))].sort();
}

/** Two states of a folder, one by a client of role write, with a file whose chunks fill a list. */
async function filled() {
  const scene = await Scene.make();
  // As of its clients.
  scene.now = 3_600_000;
  const laptop = await scene.add('write', 'laptop');
  const folder = await tempFolder();
  const files = makeFiles(folder, 1);
  files.set(join(folder, 'listed'), pattern(2_500_000, 77));
  writeFileSync(join(folder, 'listed'), pattern(2_500_000, 77));
  const first = (await scene.full.snapshot(folder)).snapshot;
  const before = new Map(files);
  files.set(join(folder, 'new'), pattern(5000, 9));
  writeFileSync(join(folder, 'new'), pattern(5000, 9));
  const second = (await laptop.snapshot(folder)).snapshot;
  return { scene, laptop, folder, first, second, files, before };
}

describe('neo key rotate --content', () => {
  it('keeps what was there readable and checked, and goes on for all keys that stay', async () => {
    const { scene, laptop, folder, first, before, files } = await filled();
    expect(await rotate(scene)).toMatchObject({ epoch: 1, contentEpoch: 1 });
    const added = await scene.add('full', 'added after it');
    expect(await scene.read(first)).toEqual(before);
    files.set(join(folder, 'later'), pattern(40_000, 5));
    writeFileSync(join(folder, 'later'), pattern(40_000, 5));
    const third = (await laptop.snapshot(folder)).snapshot;
    expect(await scene.read(third)).toEqual(files);
    expect(await scene.read(third, added)).toEqual(files);
    expect(await damages(scene)).toEqual([]);
    expect(await epochsOf(scene)).toEqual([0, 1]);
    // An ordinary rotation afterwards takes them along.
    await rotateKeys(await added.repository(), { drop: [], dryRun: false });
    expect((await added.repository()).config).toMatchObject({ epoch: 2, contentEpoch: 1 });
    expect(await scene.read(third)).toEqual(files);
  });

  it('stores what is new under secrets that do not come of the root, and shares nothing with what was there', async () => {
    const { scene, folder } = await filled();
    const before = (await scene.full.repository()).keys;
    await rotate(scene);
    copyFileSync(join(folder, 'large'), join(folder, 'copy'));
    expect((await scene.full.snapshot(folder)).bytesAdded).toBeGreaterThan(300_000);
    copyFileSync(join(folder, 'large'), join(folder, 'another'));
    expect((await scene.full.snapshot(folder)).bytesAdded).toBeLessThan(10_000);
    const { engine, keys } = await scene.full.repository();
    expect(keys.full?.root).toEqual(before.full?.root);
    expect(keys.content.file).toEqual(before.content.file);
    for (const kind of ['data', 'tree', 'list'] as const) {
      const made = allSecrets(keys.content).map((secrets) => contentKeyOf(engine, secrets[kind], pattern(10, 1)));
      expect(made[0]).not.toEqual(made[1]);
      expect(made[1]).toEqual(contentKeyOf(engine, before.content[kind], pattern(10, 1)));
    }
  });

  it('tells programs that know of no content epochs that they are too old', async () => {
    const scene = await Scene.make();
    expect((await scene.full.repository()).config.features.read).toEqual([]);
    await rotate(scene);
    await rotate(scene);
    const { config, keys } = await scene.full.repository();
    expect(config).toMatchObject({ contentEpoch: 2, features: { read: [CONTENT_EPOCHS] } });
    expect(allSecrets(keys.content).map(({ epoch }) => epoch)).toEqual([2, 1, 0]);
  });

  it('gives a dropped key nothing of it', async () => {
    const { scene, first } = await filled();
    const bob = await scene.add('full', 'Bob');
    await rotate(scene, 'Bob');
    const { keys, renewalFault } = await bob.repository();
    expect([keys.content.epoch, keys.content.older]).toEqual([0, []]);
    expect(renewalFault).toContain('left out');
    expect((await look(bob)).snapshots.map(({ name }) => name)).toContain(first);
  });
});

describe('neo rewrite --rekey', () => {
  it('moves everything over, and nothing is left under the old secrets after a prune', async () => {
    const { scene, laptop, folder, files, before } = await filled();
    await rotate(scene);
    const objects = await scene.objects('');
    const dry = await rekey(scene, { dryRun: true });
    expect(await scene.objects('')).toEqual(objects);
    const { rewritten, failed, blobs, bytes } = await rekey(scene);
    expect([rewritten.length, failed]).toEqual([2, []]);
    expect(dry).toMatchObject({ blobs, bytes });
    expect(dry.rewritten.map(({ original }) => original.name)).toEqual(rewritten.map(({ original }) => original.name));
    const [one, two] = rewritten.map(({ name }) => name);
    expect(await scene.read(one)).toEqual(before);
    expect(await scene.read(two)).toEqual(files);
    await prune(await scene.full.indexed(), scene.full.state, AT_ONCE, ignoreEvents);
    expect(await epochsOf(scene)).toEqual([1]);
    expect(await scene.read(one)).toEqual(before);
    expect(await scene.read(two)).toEqual(files);
    expect(await damages(scene)).toEqual([]);
    // Nothing looks new to who goes on; who may only write reads all again, for what it knew of is gone.
    const again = await scene.full.snapshot(folder);
    expect([again.bytesAdded, again.filesChanged, again.filesNew]).toEqual([0, 0, 0]);
    const written = await laptop.snapshot(folder);
    expect(written.bytesAdded).toBeLessThan(20_000);
    for (const { snapshot } of [again, written]) expect(await scene.read(snapshot)).toEqual(files);
  });

  it('finds nothing to do the second time, and where secrets were never rotated', async () => {
    const { scene } = await filled();
    expect(await rekey(scene)).toMatchObject({ rewritten: [], blobs: 0 });
    await rotate(scene);
    await rekey(scene);
    const objects = await scene.objects('');
    expect(await rekey(scene)).toMatchObject({ rewritten: [], failed: [], blobs: 0, unchanged: [{}, {}] });
    expect(await scene.objects('packs')).toEqual(objects.filter((path) => path.startsWith('packs')));
  });

  it('leaves a snapshot as it is of which something cannot be read, and moves the others', async () => {
    const { scene, folder, first, second } = await filled();
    const other = await tempFolder();
    const others = makeFiles(other, 2);
    const good = (await scene.full.snapshot(other)).snapshot;
    await rotate(scene);
    await damage(scene, join(folder, 'large'));
    const { rewritten, failed } = await rekey(scene);
    expect(failed.map(({ original }) => original.name)).toEqual([first, second]);
    expect(rewritten.map(({ original }) => original.name)).toEqual([good]);
    expect(await scene.read(rewritten[0]?.name)).toEqual(others);
    const names = (await look(scene.full)).snapshots.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([first, second, rewritten[0]?.name]));
  });

  it('goes on after an interruption, and stores nothing twice', async () => {
    const { scene, before, files } = await filled();
    await rotate(scene);
    const stop = new AbortController();
    const seen = await look(scene.full);
    const options = {
      look: seen,
      snapshots: seen.snapshots,
      keepOriginals: false,
      trash: 0,
      dryRun: false,
      workers: 0,
    };
    const interrupted = rekeySnapshots(
      await scene.full.indexed(),
      scene.full.state,
      options,
      (event) => {
        if (event.type === 'progress' && event.phase === 'move trees') stop.abort();
      },
      stop.signal,
    );
    await expect(interrupted).rejects.toMatchObject({ code: 'interrupted' });
    expect((await look(scene.full)).snapshots).toHaveLength(2);
    const { rewritten } = await rekey(scene);
    expect(await scene.read(rewritten[0]?.name)).toEqual(before);
    expect(await scene.read(rewritten[1]?.name)).toEqual(files);
  });
});

/** Flips a byte in the first chunk of a file, wherever it lies. */
async function damage(scene: Scene, path: string): Promise<void> {
  const repository = await scene.full.indexed();
  const reader = new BlobReader(repository);
  const [snapshot] = (await look(scene.full)).snapshots;
  if (snapshot === undefined) throw new Error('no snapshot');
  const found = await findPath((kind, key) => reader.load(kind, key), snapshot.body.tree, Buffer.from(path));
  const content = found?.node?.content;
  const [chunk] = content?.type === 'chunks' ? content.chunks : [];
  if (chunk === undefined) throw new Error('no chunk');
  for (const { pack, offset } of repository.index.places(blobIdOf(repository.engine, chunk.key))) {
    const where = packPath(objectName(repository.packs[pack]?.name ?? ''));
    const bytes = Buffer.from((await scene.backend.get(where)) ?? []);
    scene.backend.tamper(where, bytes.fill((bytes[offset + 40] ?? 0) ^ 1, offset + 40, offset + 41));
  }
}

it('another repository takes over all content secrets, and blobs are copied to it as they lie', async () => {
  const { scene, folder } = await filled();
  await rotate(scene);
  await scene.full.snapshot(folder);
  const from = await scene.full.indexed();
  const { root } = requireFull(from, 'test');
  const { chunker, bundle, packTarget, compression, blobSuite } = from.config;
  const backend = new MemoryBackend(scene.surroundings.clock);
  const credential = scene.full.open.credential;
  const contents = slotContents(from.keys.content);
  const like = { chunker, bundle, packTarget, compression, blobSuite, root, contents };
  await initRepository(scene.surroundings, backend, { credential, method: 'key', label: 'copy', ...like });
  const to = await loadIndex(await openRepository(scene.surroundings, backend, { credential }));
  const fromLook = await look(scene.full);
  const toState = new MemoryState();
  const toLook = await lookAtSnapshots(to, toState, ignoreEvents);
  const options = { from, fromLook, snapshots: fromLook.snapshots, to, toState, toLook, dryRun: false, workers: 0 };
  const { copied, failed, sameSecrets } = await copySnapshots(options);
  expect([copied.length, failed, sameSecrets]).toEqual([3, [], true]);
  expect((await check(to, new MemoryState(), { readData: 'all' })).damages).toEqual([]);
});
