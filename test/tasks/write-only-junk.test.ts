/** Junk that anybody who may add to the storage can put there stops nobody. */
import { beforeEach, describe, expect, it } from 'vitest';
import { ByteWriter, concatBytes, toHex, utf8 } from '../../src/core/bytes.ts';
import { objectName } from '../../src/core/ids.ts';
import { encodeConfig } from '../../src/repo/config.ts';
import { encodeHeader } from '../../src/repo/header.ts';
import { openRepository, slotPath } from '../../src/repo/repository.ts';
import { listKeys } from '../../src/tasks/keys.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { everybodySucceeds, idsOf } from './write-only-forgery.ts';
import {
  type Client,
  clientOf,
  entryOf,
  HugeBackend,
  makeFiles,
  newSession,
  pattern,
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

describe('junk of all kinds', () => {
  /** A header of a later version, signed or not. */
  const later = (kind: number): Uint8Array =>
    concatBytes(utf8('neo\0'), new ByteWriter(4).u16(9).u8(kind).u8(3).finish(), pattern(400, kind));

  it('is passed over: later versions, forged configurations, renewals and slots', async () => {
    const files = makeFiles(folder, 9);
    const before = await scene.full.snapshot(folder);
    const thief = await Thief.with(scene, victim);
    const { engine, config, repository } = thief.repository;
    await thief.raw('snapshots', later(5));
    await thief.raw('index', later(4));
    await thief.raw(`index/${newSession()}`, later(4));
    const name = (bytes: Uint8Array): string => toHex(engine.blake3(bytes));
    const { backend } = scene;
    for (const bytes of [
      concatBytes(later(1).subarray(0, 8), encodeHeader('config', repository).subarray(8), pattern(300, 3)),
      encodeConfig(engine, { ...config, epoch: 1 }, thief.repository.signer.seed),
      encodeConfig(
        engine,
        { ...config, epoch: 1, features: { read: ['quantum'], write: [], prune: [], check: [] } },
        thief.repository.signer.seed,
      ),
    ]) {
      await backend.put(`config/1-${name(bytes)}`, bytes);
      await backend.put(`config/0-${name(bytes)}`, bytes);
    }
    const ids = [scene.full, other].map((client) => clientOf(client));
    for (const id of await Promise.all(ids)) {
      await backend.put(`keys/${id}/1`, later(2));
      await backend.put(`keys/${id}/999999999`, pattern(500, 1));
      await backend.put(`keys/${id}/2`, (await backend.get(slotPath(await clientOf(victim)))) ?? new Uint8Array());
    }
    await backend.put(`keys/${'0'.repeat(32)}/0`, later(2));
    await backend.put(`keys/${'0'.repeat(31)}1/0`, pattern(500, 2));
    const { keys, faults } = await listKeys(await scene.full.repository());
    expect(keys.map(({ label }) => label).sort()).toEqual(['first', 'other', 'stolen']);
    expect(faults).toHaveLength(2);
    expect(await scene.read(before.snapshot)).toEqual(files);
    await everybodySucceeds([scene.full, other], folder, files);
    const wrong = { credential: { type: 'secret' as const, secret: new Uint8Array(32) } };
    await expect(openRepository(scene.surroundings, backend, wrong)).rejects.toMatchObject({ code: 'wrong-password' });
  });

  it('is not read when it is too large to be what it says', async () => {
    const files = makeFiles(folder, 10);
    const before = await scene.full.snapshot(folder);
    const id = await clientOf(scene.full);
    const huge = [
      `index/${'a'.repeat(64)}`,
      `index/${newSession()}/${'a'.repeat(64)}`,
      `snapshots/${'a'.repeat(64)}`,
      `config/1-${'a'.repeat(64)}`,
      `keys/${id}/5`,
      `keys/${'a'.repeat(32)}/0`,
    ];
    scene.backend = new HugeBackend(scene.backend, huge);
    expect(await scene.read(before.snapshot)).toEqual(files);
    await everybodySucceeds([scene.full, other], folder, files);
    expect((await listKeys(await scene.full.repository())).faults).toHaveLength(1);
  });

  it('in place of a pack is not read beyond what the index says', async () => {
    const files = makeFiles(folder, 11);
    const { snapshot } = await other.snapshot(folder);
    const ids = await idsOf(scene, snapshot);
    const thief = await Thief.with(scene, victim);
    const record = await thief.pack(
      ids.map((each) => entryOf(each, 40, 'tree')),
      [],
    );
    const name = objectName('b'.repeat(64));
    await thief.firstSegment([{ ...record, name }]);
    scene.backend = new HugeBackend(scene.backend, [`packs/bb/${name}`]);
    expect(await scene.read(snapshot)).toEqual(files);
    await everybodySucceeds([scene.full, other], folder, files);
  });
});
