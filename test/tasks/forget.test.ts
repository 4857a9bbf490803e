/** Snapshots go to the trash and come back; nothing is deleted, and nobody without role full has a say. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import type { Clock } from '../../src/core/clock.ts';
import { ignoreEvents, type NeoEvent } from '../../src/core/events.ts';
import type { ObjectName } from '../../src/core/ids.ts';
import { canonicalJson } from '../../src/core/json.ts';
import { encodeSealedSigned } from '../../src/repo/signed-object.ts';
import { listRemovals } from '../../src/snapshot/removal.ts';
import { check } from '../../src/tasks/check.ts';
import { type ForgetOptions, forget } from '../../src/tasks/forget.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { undo } from '../../src/tasks/undo.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { TestRepository } from './backup-support.ts';
import { Scene } from './write-only-support.ts';

const DAY = 86_400_000;
const START = Date.UTC(2026, 5, 1, 12);

const options: ForgetOptions = {
  rules: {},
  groupBy: ['host', 'paths'],
  filter: { hosts: [], tags: [], paths: [] },
  references: [],
  trash: 7 * DAY,
  dryRun: false,
  evenMost: false,
};

interface Years {
  readonly made: TestRepository;
  readonly folder: string;
  /** Oldest first. */
  readonly names: ObjectName[];
  /** As many days later. */
  pass(days: number): void;
  snapshot(): Promise<ObjectName | undefined>;
  forget(more: Partial<ForgetOptions>): ReturnType<typeof forget>;
  visible(): Promise<ObjectName[]>;
}

/** A snapshot a day. */
async function days(count: number): Promise<Years> {
  let time = START;
  const clock: Clock = { now: () => time, monotonic: () => performance.now() };
  const made = await TestRepository.make(new MemoryBackend(clock), clock);
  const folder = await tempFolder();
  const names: ObjectName[] = [];
  const years: Years = {
    made,
    folder,
    names,
    pass: (more) => {
      time += more * DAY;
    },
    snapshot: async () => (await made.snapshot([folder])).snapshot,
    forget: async (more) => forget(await made.open(), made.state, { ...options, ...more }, ignoreEvents),
    visible: async () =>
      (await lookAtSnapshots(await made.open(), made.state, ignoreEvents)).snapshots.map(({ name }) => name),
  };
  for (let i = 0; i < count; i++) {
    writeFileSync(join(folder, 'file'), `day ${i}`);
    const name = await years.snapshot();
    if (name !== undefined) names.push(name);
    years.pass(1);
  }
  return years;
}

describe('neo forget', () => {
  it('hides what no rule keeps, deletes nothing, and undo brings it back', async () => {
    const { made, names, forget: forgetBy, visible } = await days(6);
    const objects = await made.objects();
    const summary = await forgetBy({ rules: { last: 4 } });
    expect([summary.kept, summary.removed, summary.trashEnds]).toEqual([4, 2, START + 13 * DAY]);
    expect(await visible()).toEqual(names.slice(2));
    expect(await made.objects()).toEqual(objects);
    const { snapshots } = await undo(await made.open(), made.state, { dryRun: false });
    expect(snapshots.toSorted()).toEqual(names.slice(0, 2).toSorted());
    expect(await visible()).toEqual(names);
    await expect(undo(await made.open(), made.state, { dryRun: false })).rejects.toMatchObject({ code: 'failed' });
  });

  it('misses nothing after an undo of which a part came too late', async () => {
    const { made, names, forget: forgetBy, visible } = await days(4);
    await visible();
    await forgetBy({ references: names.slice(0, 2) });
    // As a prune does at the end of the trash; only one of them was marked in time.
    await made.backend.remove(`snapshots/${names[0]}`);
    const { snapshots } = await undo(await made.open(), made.state, { dryRun: false });
    expect(snapshots).toEqual([names[1]]);
    expect(await visible()).toEqual(names.slice(1));
    expect((await lookAtSnapshots(await made.open(), made.state, ignoreEvents)).alarms).toEqual([]);
    // What is gone is still said to have been removed, and cannot be brought back.
    await expect(undo(await made.open(), made.state, { dryRun: false })).rejects.toMatchObject({ code: 'failed' });
  });

  it('undoes one removal after the other, the last one first, or the one that is named', async () => {
    const { made, names, forget: forgetBy, visible } = await days(6);
    const removals: string[] = [];
    for (const last of [5, 4, 3]) removals.push((await forgetBy({ rules: { last } })).removal ?? '');
    await undo(await made.open(), made.state, { dryRun: false });
    expect(await visible()).toEqual(names.slice(2));
    await undo(await made.open(), made.state, { removal: removals[0] ?? '', dryRun: true });
    expect(await visible()).toEqual(names.slice(2));
    await undo(await made.open(), made.state, { removal: removals[0] ?? '', dryRun: false });
    expect(await visible()).toEqual([...names.slice(0, 1), ...names.slice(2)]);
    for (const removal of [removals[0] ?? '', removals[2] ?? '']) {
      await expect(undo(await made.open(), made.state, { removal, dryRun: false })).rejects.toMatchObject({
        code: 'failed',
      });
    }
    await expect(undo(await made.open(), made.state, { removal: 'beef', dryRun: false })).rejects.toMatchObject({
      code: 'usage',
    });
  });

  it('refuses to drop more than half of a group, and to begin without a rule or a name', async () => {
    const { names, forget: forgetBy, visible } = await days(5);
    await expect(forgetBy({ rules: { last: 2 } })).rejects.toMatchObject({ code: 'failed', hint: /--yes/ });
    await expect(forgetBy({})).rejects.toMatchObject({ code: 'usage' });
    await expect(forgetBy({ references: ['ffffffff'] })).rejects.toMatchObject({ code: 'failed' });
    expect(await visible()).toEqual(names);
    expect((await forgetBy({ rules: { last: 2 }, evenMost: true, dryRun: true })).removed).toBe(3);
    expect(await visible()).toEqual(names);
    await forgetBy({ rules: { last: 2 }, evenMost: true });
    expect(await visible()).toEqual(names.slice(3));
  });

  it('takes named ones whatever the rules, and leaves alone what filters leave out', async () => {
    const { names, forget: forgetBy, visible } = await days(4);
    await forgetBy({ references: [names[3] ?? '', 'latest~2'] });
    expect(await visible()).toEqual([names[0], names[2]]);
    const { groups } = await forgetBy({ rules: { last: 1 }, filter: { hosts: ['elsewhere'], tags: [], paths: [] } });
    expect(groups).toEqual([]);
  });

  it('makes the next snapshot rest on nothing in the trash, and raises no alarm when that is deleted', async () => {
    const { made, names, forget: forgetBy, snapshot, visible } = await days(3);
    await forgetBy({ references: [names[2] ?? ''] });
    const next = await snapshot();
    const { snapshots } = await lookAtSnapshots(await made.open(), made.state, ignoreEvents);
    expect(snapshots.at(-1)).toMatchObject({ name: next, body: { parent: names[1] } });
    await made.backend.remove(`snapshots/${names[2]}`);
    const told: NeoEvent[] = [];
    await lookAtSnapshots(await made.open(), made.state, (event) => told.push(event));
    expect(told).toEqual([]);
    expect(await visible()).toEqual([names[0], names[1], next]);
    // The removal taken away, too: now somebody has deleted it without a word.
    for (const path of await objectsIn(made, 'removals')) await made.backend.remove(path);
    await lookAtSnapshots(await made.open(), made.state, (event) => told.push(event));
    expect(told.map((event) => 'message' in event && event.message)).toEqual([
      expect.stringMatching(/was there and is gone, and nobody removed it/),
    ]);
  });

  it('says nothing of a removal that is damaged, or that says nonsense', async () => {
    const { made, names, forget: forgetBy, visible } = await days(2);
    const { removal } = await forgetBy({ references: [names[0] ?? ''] });
    const repository = await made.open();
    const nonsense = encodeSealedSigned(
      repository,
      'removal',
      repository.keys.index,
      repository.signer,
      canonicalJson({ v: 1 }),
    );
    const whole = (await made.backend.get(`removals/${removal}`)) ?? new Uint8Array();
    for (const [i, bytes] of [nonsense, whole.subarray(1), new Uint8Array()].entries()) {
      await made.backend.put(`removals/${String(i).repeat(64)}`, bytes);
      const hash = Buffer.from(repository.engine.blake3(bytes)).toString('hex');
      await made.backend.put(`removals/${hash}`, bytes);
    }
    const { removals, faults } = await listRemovals(repository);
    expect([removals.length, faults.length]).toEqual([1, 6]);
    const { damages } = await check(await made.open(), made.state, {}, ignoreEvents);
    expect(damages.map(({ object }) => object.split('/')[0])).toEqual(Array(6).fill('removals'));
    expect(await visible()).toEqual([names[1]]);
  });
});

async function objectsIn({ backend }: TestRepository, folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of backend.list(folder)) paths.push(path);
  return paths;
}

describe('a key that may only write', () => {
  it('forgets nothing, and its own word in removals/ does not count', async () => {
    const scene = await Scene.make();
    const { full } = scene;
    const thief = await scene.add('write', 'thief');
    const folder = await tempFolder();
    writeFileSync(join(folder, 'file'), 'text');
    const { snapshot = '' } = await full.snapshot(folder);
    const repository = await thief.repository();
    const asked = forget(repository, thief.state, { ...options, references: [snapshot] }, ignoreEvents);
    await expect(asked).rejects.toMatchObject({ code: 'permission-denied' });
    const body = { v: 1, time: 0, trashEnds: 0, snapshots: [{ name: snapshot, head: snapshot }] };
    const bytes = encodeSealedSigned(
      repository,
      'removal',
      repository.keys.index,
      repository.signer,
      canonicalJson(body),
    );
    const hash = Buffer.from(repository.engine.blake3(bytes)).toString('hex');
    await repository.backend.put(`removals/${hash}`, bytes);
    const { snapshots, removed } = await lookAtSnapshots(await full.repository(), full.state, ignoreEvents);
    expect([snapshots.map(({ name }) => name), removed]).toEqual([[snapshot], []]);
  });
});
