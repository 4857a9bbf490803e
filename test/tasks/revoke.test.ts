/** A write key that was stolen, and is revoked: what its thief makes counts no more. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ignoreEvents } from '../../src/core/events.ts';
import { selectSnapshot } from '../../src/snapshot/select.ts';
import { forget } from '../../src/tasks/forget.ts';
import { listKeys } from '../../src/tasks/keys.ts';
import { type RevokeOptions, revokeKey } from '../../src/tasks/revoke.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { makeFiles, Scene } from './write-only-support.ts';

async function theft() {
  const scene = await Scene.make();
  const laptop = await scene.add('write', 'laptop');
  const folder = await tempFolder();
  makeFiles(folder, 1);
  const first = (await laptop.snapshot(folder)).snapshot;
  writeFileSync(join(folder, 'more'), 'more');
  const second = (await laptop.snapshot(folder)).snapshot;
  const revoke = async (more: Partial<RevokeOptions> = {}) =>
    revokeKey(
      await scene.full.repository(),
      scene.full.state,
      { key: 'laptop', undo: false, dryRun: false, ...more },
      ignoreEvents,
    );
  const look = async () => lookAtSnapshots(await scene.full.repository(), scene.full.state, ignoreEvents);
  return { scene, laptop, folder, first, second, revoke, look };
}

describe('a revoked key', () => {
  it('makes no snapshot any more, and what it made still counts', async () => {
    const { scene, laptop, folder, first, second, revoke, look } = await theft();
    const summary = await revoke();
    expect([summary.accepted.length, summary.rejected.length, summary.slotRemoved]).toEqual([2, 0, true]);
    expect((await look()).snapshots.map(({ name }) => name)).toEqual([first, second]);
    expect((await listKeys(await scene.full.repository())).keys.map(({ label }) => label)).toEqual(['first']);
    await expect(laptop.snapshot(folder)).rejects.toMatchObject({ code: 'permission-denied', message: /revoked on/ });
  });

  it('has what it made after a time set aside: never the latest, found by its id, gone by one command', async () => {
    const { scene, first, second, revoke, look } = await theft();
    const [before] = await scene.snapshots();
    const acceptUntil = before?.received ?? 0;
    const dry = await revoke({ acceptUntil, dryRun: true });
    expect(dry.rejected.map(({ name }) => name)).toEqual([second]);
    expect((await look()).revoked).toEqual([]);
    await revoke({ acceptUntil });
    const seen = await look();
    expect([seen.snapshots.map(({ name }) => name), seen.revoked.map(({ name }) => name)]).toEqual([[first], [second]]);
    expect(selectSnapshot(seen.snapshots, 'latest', undefined, seen).name).toBe(first);
    expect(selectSnapshot(seen.snapshots, second ?? '', undefined, seen).name).toBe(second);
    expect(await scene.read(second)).toHaveProperty('size', 11);
    const nothing = { hosts: [], tags: [], paths: [] };
    const options = { rules: {}, groupBy: [], filter: nothing, references: [], trash: 0, dryRun: false } as const;
    const forgotten = await forget(
      await scene.full.repository(),
      scene.full.state,
      { ...options, revoked: true, evenMost: false },
      ignoreEvents,
    );
    expect([forgotten.removed, (await look()).revoked]).toEqual([1, []]);
  });

  it('is no help to a thief who puts the key back by hand', async () => {
    const { scene, laptop, folder, second, revoke, look } = await theft();
    await revoke();
    // Somebody with another program: it does not look whether the key is revoked.
    const hidden = new Set(await scene.objects('records'));
    const { list } = scene.backend;
    scene.backend.list = async function* (folderName: string) {
      for await (const info of list.call(scene.backend, folderName)) if (!hidden.has(info.path)) yield info;
    };
    writeFileSync(join(folder, 'evil'), 'evil');
    const forged = (await laptop.snapshot(folder)).snapshot;
    scene.backend.list = list;
    const seen = await look();
    expect(seen.snapshots.at(-1)?.name).toBe(second);
    expect(seen.revoked.map(({ name }) => name)).toEqual([forged]);
    // Whoever compares with what the thief made would believe it.
    const mine = await scene.full.snapshot(folder);
    expect(mine.parent).toBeUndefined();
  });

  it('counts again after an undo', async () => {
    const { laptop, folder, revoke, look } = await theft();
    await revoke({ acceptUntil: 0 });
    expect((await look()).snapshots).toEqual([]);
    await revoke({ key: laptop.open.keySlot ?? '', undo: true });
    expect([(await look()).snapshots.length, (await look()).revoked]).toEqual([2, []]);
    expect((await laptop.snapshot(folder)).snapshot).toBeDefined();
    await expect(revoke({ key: laptop.open.keySlot ?? '', undo: true })).rejects.toMatchObject({ code: 'failed' });
  });

  it('is neither the own one, nor one of role full, nor one that nobody knows', async () => {
    const { scene, laptop, revoke } = await theft();
    await scene.add('full', 'second');
    await expect(revoke({ key: 'first' })).rejects.toMatchObject({ code: 'failed', message: /in use/ });
    await expect(revoke({ key: 'second' })).rejects.toMatchObject({ code: 'failed', hint: /neo key remove/ });
    await expect(revoke({ key: 'nobody' })).rejects.toMatchObject({ code: 'usage' });
    const options = { key: 'laptop', undo: false, dryRun: false };
    await expect(revokeKey(await laptop.repository(), laptop.state, options, ignoreEvents)).rejects.toMatchObject({
      code: 'permission-denied',
    });
  });
});
