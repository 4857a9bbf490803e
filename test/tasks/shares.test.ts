/** A share opens one directory, and nothing else; it follows its blobs, and can be taken back. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import type { Clock } from '../../src/core/clock.ts';
import { ignoreEvents, type NeoEvent } from '../../src/core/events.ts';
import { contentKey, objectName } from '../../src/core/ids.ts';
import { systemRandom } from '../../src/core/random.ts';
import { sealBlob } from '../../src/engine/aead.ts';
import { blobIdOf } from '../../src/engine/keys.ts';
import type { BlobPlace } from '../../src/repo/blob-index.ts';
import { issueCertificate } from '../../src/repo/certificate.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { packPath } from '../../src/repo/pack/pack.ts';
import { decodeShare, encodeShare, sharePath } from '../../src/repo/share.ts';
import { openShare, shareNumbers } from '../../src/repo/share-source.ts';
import { refuseTooMany } from '../../src/repo/share-writer.ts';
import { listHeads } from '../../src/snapshot/listing.ts';
import { check } from '../../src/tasks/check.ts';
import { prune } from '../../src/tasks/prune.ts';
import { restore } from '../../src/tasks/restore.ts';
import { sealBody } from '../../src/tasks/seal-snapshot.ts';
import { sharedSnapshot } from '../../src/tasks/shared.ts';
import { createShare, endShares, findShare, listShares, newShare, removeShares } from '../../src/tasks/shares.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { undo } from '../../src/tasks/undo.ts';
import { sweep } from '../support/sim.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { engine } from './backup-support.ts';
import { DAY, demandClosedBeside, everythingOpened, type Given, Ground, NOW, PRUNE } from './share-support.ts';
import { Scene } from './write-only-support.ts';

const FILE = {
  location: 'here',
  name: utf8('/'),
  expires: 0,
  secret: { type: 'open' as const, secret: new Uint8Array(32) },
};

describe('neo share', () => {
  it('shows the directory as it was, to ls, cat and restore', async () => {
    const ground = await Ground.make();
    const given = await ground.share();
    await ground.demandRead(given);
    const { source, body } = await ground.open(given);
    for (const workers of [0, 2]) {
      const target = await tempFolder();
      const snapshot = sharedSnapshot('test', body).body;
      const options = { snapshot, destination: { type: 'directory' as const, path: target }, workers };
      expect(await restore(source, options)).toMatchObject({ filesRestored: 10, errors: 0 });
      expect(readFileSync(join(target, 'sub/big'))).toEqual(readFileSync(join(ground.folder, 'talk/sub/big')));
      expect(await restore(source, options)).toMatchObject({ filesRestored: 0, filesUnchanged: 10 });
      expect(await restore(source, { ...options, overwrite: 'always' })).toMatchObject({ filesUnchanged: 10 });
    }
  });

  it('shares one file alone', async () => {
    const ground = await Ground.make();
    const found = await ground.read(await ground.share('talk/3'));
    expect([...found]).toEqual([['/3', 'PUBLIC 3'.repeat(100)]]);
  });

  it('opens nothing beside, above or deleted, to whoever has it and all that is stored', async () => {
    const ground = await Ground.make();
    const given = await ground.share();
    expect(given.bytesAdded).toBeGreaterThan(0);
    await demandClosedBeside(ground, given);
  });

  it('says before anything is published that a directory is too large for one', () => {
    expect(() => refuseTooMany(800_000)).not.toThrow();
    expect(() => refuseTooMany(900_000)).toThrow('more than one share can hold');
  });

  it('stores nothing again where files lie with no others', async () => {
    const ground = await Ground.make();
    const { bytesAdded } = await ground.share('talk/sub');
    expect(bytesAdded).toBe(0);
  });

  it('stays when every snapshot is forgotten, and follows its blobs into other packs', async () => {
    const ground = await Ground.make();
    const given = await ground.share();
    const before = await ground.packs();
    await ground.forgetAll();
    ground.clock.advance(2 * DAY);
    expect((await ground.prune()).marked.packs).toBeGreaterThan(0);
    await ground.demandRead(given);
    ground.clock.advance(2 * DAY);
    expect((await ground.prune()).swept.packs).toBeGreaterThan(0);
    await ground.demandRead(given);
    expect((await ground.packs()).filter((path) => before.includes(path)).length).toBeLessThan(before.length);
    expect(Math.max(...(await ground.objects(given)))).toBeGreaterThan(1);
    const all = await everythingOpened(await ground.open(given));
    for (const bytes of all.values()) expect(bytes.includes('SECRET')).toBe(false);
    await ground.demandWhole();
  });

  it('goes on being read while its blobs move', async () => {
    const ground = await Ground.make();
    const given = await ground.share();
    const opened = await ground.open(given);
    await ground.forgetAll();
    for (let n = 0; n < 2; n++) {
      ground.clock.advance(2 * DAY);
      await ground.prune();
    }
    const all = await everythingOpened(opened);
    expect(all.size).toBe((await everythingOpened(await ground.open(given))).size);
  });

  it('can be read whenever a prune dies, and when another one has gone on', async () => {
    const ground = await Ground.make();
    const given = await ground.share();
    await ground.forgetAll();
    ground.clock.advance(2 * DAY);
    const free = async (backend: Backend, clock: Clock): Promise<void> => {
      const repository = await ground.made.at(backend, clock).open();
      await prune(repository, new MemoryState(), { ...PRUNE, soleWriter: true }, ignoreEvents);
    };
    const { operations, points } = await sweep(
      async ({ backend, clock }) => free(backend, clock),
      async (surviving, _, { clock }) => {
        await ground.demandRead(given, surviving);
        await free(surviving, clock);
        await ground.demandRead(given, surviving);
      },
      { start: ground.backend, points: 40 },
    );
    expect([operations > 8, points]).toEqual([true, 40]);
  });

  it('is left alone by a prune that had looked before it was made', async () => {
    const ground = await Ground.make();
    let given: Given | undefined;
    const racing: Backend = new Proxy(ground.backend, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name !== 'list') return typeof value === 'function' ? value.bind(target) : value;
        return async function* list(folder: string) {
          yield* target.list(folder);
          if (folder === 'snapshots' && given === undefined) given = await ground.share();
        };
      },
    });
    await prune(await ground.made.at(racing, ground.clock).open(), new MemoryState(), PRUNE, ignoreEvents);
    if (given === undefined) throw new Error('nobody looked');
    await ground.demandRead(given);
  });

  it('is made of what a write-only client stored, too', async () => {
    const scene = await Scene.make();
    const client = await scene.add('write', 'laptop');
    const folder = await tempFolder();
    mkdirSync(join(folder, 'talk'));
    writeFileSync(join(folder, 'talk/a'), 'PUBLIC');
    writeFileSync(join(folder, 'b'), 'SECRET');
    await client.snapshot(folder);
    const repository = await scene.full.indexed();
    const look = await lookAtSnapshots(repository, new MemoryState(), ignoreEvents);
    const snapshot = look.snapshots.at(-1);
    if (snapshot === undefined) throw new Error('nothing to share');
    const fresh = newShare(repository);
    const path = Buffer.from(join(folder, 'talk'));
    const options = { look, snapshot, path, expires: 0, host: 'h', user: 'u', program: 'test', dryRun: false };
    await createShare(repository, new MemoryState(), fresh, options, ignoreEvents);
    const file = { repository: repository.id, config0: repository.slot.config0, share: fresh.id };
    const opened = await openShare(scene.surroundings, scene.backend, { ...FILE, ...file }, fresh.key);
    const plain = [...(await everythingOpened(opened)).values()];
    expect(plain.some((bytes) => bytes.includes('PUBLIC'))).toBe(true);
    expect(plain.some((bytes) => bytes.includes('SECRET'))).toBe(false);
  });

  it('is none when a write key says so: such a snapshot is seen, and forgotten as others are', async () => {
    const scene = await Scene.make();
    const client = await scene.add('write', 'thief');
    const folder = await tempFolder();
    writeFileSync(join(folder, 'a'), 'content');
    await client.snapshot(folder);
    const repository = await client.indexed();
    const [head] = (await listHeads(repository)).heads;
    const full = await scene.full.indexed();
    const [original] = (await lookAtSnapshots(full, new MemoryState(), ignoreEvents)).snapshots;
    if (original === undefined || head === undefined) throw new Error('no snapshot');
    const share = {
      ...newShare(repository),
      expires: 0,
      of: original.name,
      path: utf8('/'),
      taken: 0,
    };
    const body = { ...original.body, kind: 'share' as const, share };
    const sealed = sealBody(repository, head.head.session, [head], { time: Date.now(), generation: 0 }, body);
    const name = toHex(repository.engine.blake3(sealed));
    await scene.backend.put(`snapshots/${name}`, sealed);
    const look = await lookAtSnapshots(full, new MemoryState(), ignoreEvents);
    expect([look.shares.length, look.snapshots.length]).toEqual([0, 2]);
    await prune(await scene.full.repository(), new MemoryState(), PRUNE, ignoreEvents);
    expect(await shareNumbers(scene.backend, share.id)).toEqual([]);
  });

  it('believes nothing that its readers could make, and no other bytes', async () => {
    const ground = await Ground.make();
    const given = await ground.share();
    const repository = await ground.made.open();
    const id = given.file.share;
    const object = await ground.backend.get(sharePath(id, 1));
    const genuine = decodeShare(repository, given.key, { id, n: 1 }, object ?? new Uint8Array());
    // Whoever has the key of the share, and signs with a key of his own.
    const seed = systemRandom.bytes(32);
    const stranger = issueCertificate(engine, repository.id, seed, {
      client: repository.client,
      role: 'full',
      epoch: 0,
      created: 0,
      expires: 0,
      signPublic: engine.signPublicKey(seed),
      kemHash: new Uint8Array(32),
    });
    const forged = encodeShare(repository, { certificate: stranger, seed }, given.key, {
      id,
      n: 7,
      body: { ...genuine.body, tree: contentKey(new Uint8Array(32)) },
      packs: [],
    });
    await ground.backend.put(sharePath(id, 7), forged);
    await ground.demandRead(given);
    await ground.backend.put(sharePath(id, 8), object ?? new Uint8Array());
    await ground.demandRead(given);
    // The same blob sealed again, with the right key: only hashes tell.
    const { source, body } = await ground.open(given);
    const [place] = source.index.places(blobIdOf(engine, body.tree));
    const path = packPath(source.packs[place?.pack ?? 0]?.name ?? objectName('0'.repeat(64)));
    const pack = Buffer.from((await ground.backend.get(path)) ?? []);
    const sealed = sealBlob(engine, 'aes-256-gcm', 2, body.tree, utf8('{"l":0,"e":[]}'), 0, 14, systemRandom);
    Buffer.from(sealed).copy(pack, place?.offset ?? 0);
    ground.backend.tamper(path, pack);
    await expect(ground.read(given)).rejects.toMatchObject({ code: 'integrity' });
  });

  it('names what is damaged in a restore, and brings the rest', async () => {
    const ground = await Ground.make();
    const given = await ground.share('talk/sub');
    const { source, body } = await ground.open(given);
    const shown = sharedSnapshot('test', body);
    const chunks: BlobPlace[] = [];
    source.index.eachPlace((_, place) => chunks.push(place));
    const [chunk] = chunks.sort((a, b) => b.length - a.length);
    const path = packPath(source.packs[chunk?.pack ?? 0]?.name ?? objectName('0'.repeat(64)));
    const bytes = Buffer.from((await ground.backend.get(path)) ?? []);
    const at = (chunk?.offset ?? 0) + 1000;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    ground.backend.tamper(path, bytes);
    const target = await tempFolder();
    const options = { snapshot: shown.body, destination: { type: 'directory' as const, path: target }, workers: 0 };
    expect(await restore(source, options)).toMatchObject({ filesRestored: 0, errors: 1 });
  });

  it('ends, and can be taken back; undo and the next prune bring it again', async () => {
    const ground = await Ground.make();
    const given = await ground.share('talk', ground.clock.now() + DAY);
    await ground.demandRead(given);
    const other = await ground.share('secret');
    expect(listShares(await ground.look()).map(({ share }) => share.id)).toEqual([other.file.share, given.file.share]);
    const look = await ground.look();
    await removeShares(await ground.made.open(), look, [findShare(look, other.file.share.slice(0, 8))]);
    await expect(ground.read(other)).rejects.toMatchObject({ code: 'failed' });
    expect((await ground.look()).shares).toHaveLength(1);
    await undo(await ground.made.open(), ground.state, { dryRun: false }, ignoreEvents);
    await ground.prune();
    expect((await ground.read(other)).size).toBe(10);
    ground.clock.advance(2 * DAY);
    await expect(ground.read(given)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('ended'),
    });
    expect(await endShares(await ground.made.open(), ground.state)).toBe(1);
    expect(await ground.objects(given)).toEqual([]);
    expect((await ground.look()).snapshots).toHaveLength(2);
    await ground.prune({ soleWriter: true });
    await ground.demandWhole();
  });

  it('keeps nobody from space whose next object cannot be written', async () => {
    const ground = await Ground.make();
    const given = await ground.share();
    // Numbers have 15 digits: whoever can write to the storage can use the last one up.
    await ground.backend.put(sharePath(given.file.share, 999_999_999_999_999), new Uint8Array(100));
    await ground.forgetAll();
    ground.clock.advance(2 * DAY);
    expect((await ground.prune({ soleWriter: true })).swept.packs).toBeGreaterThan(0);
    await ground.demandWhole();
  });

  it('is missed by check where its readers find nothing, until a prune tells them', async () => {
    const ground = await Ground.make();
    const given = await ground.share();
    const warnings = async (): Promise<string[]> => {
      const told: string[] = [];
      const hear = (event: NeoEvent): void => {
        if (event.type === 'warning') told.push(event.message);
      };
      expect((await check(await ground.made.open(), new MemoryState(), {}, hear)).damages).toEqual([]);
      return told;
    };
    expect(await warnings()).toEqual([]);
    ground.backend.tamper(sharePath(given.file.share, 1), new Uint8Array(100));
    expect(await warnings()).toEqual([expect.stringContaining('do not find all of it')]);
    await ground.prune();
    expect(await warnings()).toEqual([]);
    await ground.demandRead(given);
  });

  it('shares nothing that is not there, and nothing that has ended', async () => {
    const ground = await Ground.make();
    await expect(ground.share('nothing')).rejects.toMatchObject({ code: 'failed' });
    await expect(ground.share('talk', NOW)).rejects.toMatchObject({ code: 'usage' });
    expect((await ground.look()).shares).toHaveLength(0);
  });
});
