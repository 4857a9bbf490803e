/** A stolen write key, and storage that takes what it is given: nobody else loses anything. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { type BlobId, objectName } from '../../src/core/ids.ts';
import { openBlob, sealBlob } from '../../src/engine/aead.ts';
import { blobIdOf, contentKeyOf } from '../../src/engine/keys.ts';
import { BlobReader } from '../../src/repo/blob-reader.ts';
import type { PackRecord } from '../../src/repo/index/segment.ts';
import { carryOutIndexRepair, planIndexRepair } from '../../src/repo/index-repair.ts';
import { readSegments } from '../../src/repo/indexed.ts';
import { contentPieces } from '../../src/snapshot/content.ts';
import { readTree } from '../../src/snapshot/tree.ts';
import { restore } from '../../src/tasks/restore.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { everybodySucceeds, forgedSnapshot, idsOf, packsOf } from './write-only-forgery.ts';
import {
  type Client,
  clientOf,
  entryOf,
  makeFiles,
  pattern,
  rewriteUnseen,
  Scene,
  Thief,
} from './write-only-support.ts';

let scene: Scene;
let other: Client;
let victim: Client;
let folder: string;

beforeEach(async () => {
  scene = await Scene.make();
  other = await scene.add('write', 'other');
  victim = await scene.add('write', 'stolen');
  folder = await tempFolder();
});

describe('poisoned index entries', () => {
  it('of blobs that nobody has stored yet are not relied upon', async () => {
    const files = makeFiles(folder, 1);
    const rehearsal = await scene.full.snapshot(folder);
    const ids = await idsOf(scene, rehearsal.snapshot);
    // The same repository before that snapshot: the thief knows the files and acts first.
    for (const top of ['packs', 'index', 'snapshots']) {
      for (const path of await scene.objects(top)) scene.backend.tamper(path, undefined);
    }
    const thief = await Thief.with(scene, victim);
    await thief.segment([
      await thief.pack(
        ids.map((id) => entryOf(id, 64)),
        [],
      ),
    ]);
    await everybodySucceeds([scene.full, other], folder, files);
  });

  it('of what others have stored do not hide it, from whichever pack they point to', async () => {
    const files = makeFiles(folder, 2);
    const byFull = await scene.full.snapshot(folder);
    const byOther = await other.snapshot(folder);
    const ids = await idsOf(scene, byFull.snapshot);
    const thief = await Thief.with(scene, victim);
    const { client: author } = thief.repository;
    const shifted = (pack: PackRecord): PackRecord => ({
      ...pack,
      entries: pack.entries.map((entry) => ({ ...entry, offset: entry.offset + 1 })),
    });
    const foreign = [...(await packsOf(scene.full)), ...(await packsOf(other))];
    expect(foreign.length).toBeGreaterThan(1);
    await thief.firstSegment(foreign.map((pack) => ({ ...shifted(pack), author, authorRole: 'write' })));
    await thief.firstSegment(foreign.map((pack) => ({ ...shifted(pack), author, authorRole: 'full' })));
    await thief.firstSegment(foreign.map(shifted));
    await thief.firstSegment(
      foreign.map((pack) => ({ ...pack, size: 4096, author, authorRole: 'write', entries: [] })),
    );
    const garbage = await thief.pack(
      ids.map((id) => entryOf(id, 100)),
      ids.map(() => pattern(100, 9)),
    );
    await thief.firstSegment([garbage]);
    const nowhere = { ...garbage, name: objectName('f'.repeat(64)), size: 60 << 20 };
    await thief.firstSegment([nowhere]);
    expect(await scene.read(byFull.snapshot)).toEqual(files);
    expect(await scene.read(byOther.snapshot)).toEqual(files);
    await everybodySucceeds([scene.full, other], folder, files);
  });

  it('do not hide the earlier snapshots of the very client whose key was stolen', async () => {
    const files = makeFiles(folder, 3);
    const before = await victim.snapshot(folder);
    const thief = await Thief.with(scene, victim);
    const own = await packsOf(victim);
    const moved = own.map((pack) => ({
      ...pack,
      entries: pack.entries.map((entry) => ({ ...entry, offset: entry.offset + 1, length: entry.length - 1 })),
    }));
    await thief.firstSegment(moved);
    await thief.firstSegment(own.map((pack) => ({ ...pack, entries: [] })));
    await thief.firstSegment(own.map((pack) => ({ ...pack, size: 65_536, entries: [] })));
    expect(await scene.read(before.snapshot)).toEqual(files);
    await everybodySucceeds([scene.full, other], folder, files);
  });
});

describe('copies of the thief', () => {
  it('that are right are never what others rely on', async () => {
    const files = makeFiles(folder, 4);
    const before = new Set(await scene.objects('packs'));
    await victim.snapshot(folder);
    const stolen = (await scene.objects('packs')).filter((path) => !before.has(path));
    const made = [await scene.full.snapshot(folder), await other.snapshot(folder)];
    for (const path of stolen) scene.backend.tamper(path, undefined);
    for (const { snapshot } of made) expect(await scene.read(snapshot)).toEqual(files);
    await everybodySucceeds([scene.full, other], folder, files);
  });

  it('that open and hold nonsense do not stop a restore', async () => {
    const known = makeFiles(folder, 5);
    const { snapshot: name } = await other.snapshot(folder);
    const thief = await Thief.with(scene, victim);
    const { engine, keys, random } = thief.repository;
    // Chunks of a file that the thief has too: he knows their keys, and where the true ones are.
    const ids = new Set((await idsOf(scene, name)).map((id) => toHex(id)));
    const reader = new BlobReader(await scene.full.indexed());
    const found: { id: BlobId; bomb: Uint8Array }[] = [];
    const snapshot = (await scene.snapshots()).at(-1);
    const walk = async (tree: Parameters<typeof blobIdOf>[1]): Promise<void> => {
      for await (const node of readTree((kind, key) => reader.load(kind, key), tree)) {
        if (node.tree !== undefined) await walk(node.tree);
        for await (const { key } of contentPieces((kind, k) => reader.load(kind, k), node.content, node.size)) {
          const lie = sealBlob(engine, 'aes-256-gcm', 1, key, pattern(50, 1), 1, 16 << 20, random);
          const other = sealBlob(engine, 'aes-256-gcm', 1, key, pattern(50, 1), 0, 50, random);
          const id = blobIdOf(engine, key);
          found.push({ id, bomb: lie }, { id, bomb: other });
        }
      }
    };
    if (snapshot !== undefined) await walk(snapshot.body.tree);
    expect(found.length).toBeGreaterThan(10);
    expect(found.every(({ id }) => ids.has(toHex(id)))).toBe(true);
    expect(() =>
      openBlob(engine, 1, contentKeyOf(engine, keys.content.data, pattern(1, 1)), new Uint8Array(64)),
    ).toThrow();
    const record = await thief.pack(
      found.map(({ id, bomb }) => entryOf(id, bomb.length)),
      found.map(({ bomb }) => bomb),
    );
    await thief.firstSegment([record]);
    await thief.segment([{ ...record, entries: [...record.entries].reverse() }]);
    expect(await scene.read(name)).toEqual(known);
    if (snapshot === undefined) return;
    const target = await tempFolder();
    const destination = { type: 'directory' as const, path: target };
    const summary = await restore(await scene.full.indexed(), { snapshot: snapshot.body, destination, workers: 0 });
    expect(summary.errors).toBe(0);
    for (const [path, bytes] of known) expect(readFileSync(join(target, path))).toEqual(bytes);
  });
});

describe('forged snapshots', () => {
  it('of another host do not decide what is unchanged there', async () => {
    const files = makeFiles(folder, 6);
    // What the thief saves looks from outside exactly like the victim's files.
    const lies = new Map([...files].map(([path, bytes]) => [path, pattern(bytes.length, 77)]));
    for (const [path, bytes] of lies) rewriteUnseen(path, bytes);
    await victim.snapshot(folder, { host: 'host' });
    for (const [path, bytes] of files) rewriteUnseen(path, bytes);
    const rules = { ignoreInode: false, ignoreCtime: true };
    for (const client of [scene.full, other]) {
      const { snapshot, filesUnmodified } = await client.snapshot(folder, { rules });
      expect(filesUnmodified).toBe(0);
      expect(await scene.read(snapshot)).toEqual(files);
    }
    const liarId = await clientOf(victim);
    const liar = (await scene.snapshots()).find(({ head }) => head.client === liarId);
    await expect(scene.full.snapshot(folder, { rules, parent: liar?.name ?? '' })).rejects.toMatchObject({
      code: 'usage',
    });
  });

  it('of the future do not come last, and are not what the next run of anybody is compared with', async () => {
    const files = makeFiles(folder, 7);
    const honest = await scene.full.snapshot(folder);
    const thief = await Thief.with(scene, victim);
    const tree = contentKeyOf(thief.repository.engine, thief.repository.keys.content.tree, utf8('none'));
    const far = Date.UTC(2200, 0, 1);
    await thief.raw('snapshots', await forgedSnapshot(thief, { host: 'host', path: folder, time: far, tree }));
    const second = await scene.full.snapshot(folder);
    expect(second.parent).toBe(honest.snapshot);
    expect(second.filesUnmodified).toBe(files.size);
    expect((await scene.snapshots()).at(-1)?.name).toBe(second.snapshot);
    await everybodySucceeds([scene.full, other], folder, files);
  });
});

describe('the client whose key was stolen', () => {
  it('goes on, whatever numbers and heads its thief has used up', async () => {
    const files = makeFiles(folder, 12);
    const thief = await Thief.with(scene, victim);
    const tree = contentKeyOf(thief.repository.engine, thief.repository.keys.content.tree, utf8('none'));
    for (let time = 1; time <= 300; time++) {
      await thief.raw('snapshots', await forgedSnapshot(thief, { host: 'host', path: folder, time, tree }));
    }
    for (let run = 0; run < 2; run++) {
      const { snapshot } = await victim.snapshot(folder);
      expect(await scene.read(snapshot)).toEqual(files);
    }
  });
});

describe('forged segments', () => {
  it('go when the index is repaired, and nothing else does', async () => {
    const files = makeFiles(folder, 13);
    const made = [await scene.full.snapshot(folder), await other.snapshot(folder), await victim.snapshot(folder)];
    const thief = await Thief.with(scene, victim);
    const { client: author } = thief.repository;
    const ids = await idsOf(scene, made[0]?.snapshot);
    const garbage = await thief.pack(
      ids.map((id) => entryOf(id, 100)),
      ids.map(() => pattern(100, 9)),
    );
    const claims = [...(await packsOf(scene.full)), ...(await packsOf(other)), ...(await packsOf(victim))];
    await thief.firstSegment([garbage]);
    await thief.firstSegment(claims.map((pack) => ({ ...pack, author, authorRole: 'write', entries: [] })));
    await thief.segment([{ ...garbage, name: objectName('c'.repeat(64)) }]);
    const repository = await scene.full.repository();
    await carryOutIndexRepair(repository, await planIndexRepair(repository, () => undefined));
    for (const { snapshot } of made) expect(await scene.read(snapshot)).toEqual(files);
    const { faults } = await scene.full.indexed();
    expect(faults).toEqual([]);
    await everybodySucceeds([scene.full, other], folder, files);
    expect((await scene.full.snapshot(folder, { force: true })).bytesAdded).toBe(0);
  });

  it("cover nobody else's interrupted run", async () => {
    const files = makeFiles(folder, 8);
    for (const client of [scene.full, other]) {
      await client.snapshot(folder);
      // As an interrupted run leaves it: interim segments alone.
      const { client: id } = await client.repository();
      const own = (await readSegments(await client.repository())).segments.filter(({ signer }) => signer.client === id);
      for (const { path, segment } of own) {
        const bytes = await scene.backend.get(path);
        if (bytes === undefined) throw new Error('gone');
        await scene.backend.put(`index/${segment.session}/${path.slice('index/'.length)}`, bytes);
        scene.backend.tamper(path, undefined);
        const thief = await Thief.with(scene, victim);
        const name = objectName(path.slice('index/'.length));
        await thief.segment([], { covered: [segment.session], replaced: [name] });
        await thief.segment([], { session: segment.session, covered: [segment.session] }, `index/${segment.session}`);
      }
    }
    for (const { name } of await scene.snapshots()) expect(await scene.read(name)).toEqual(files);
    const again = await scene.full.snapshot(folder, { force: true });
    expect(again.bytesAdded).toBe(0);
  });
});
