/** Pins and policies as forget sees them, over years of snapshots. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import type { ObjectName } from '../../src/core/ids.ts';
import { canonicalJson } from '../../src/core/json.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { listRecords, putRecord } from '../../src/repo/record.ts';
import { encodeSealedSigned } from '../../src/repo/signed-object.ts';
import { type ForgetOptions, forget } from '../../src/tasks/forget.ts';
import { listPins, type PinOptions, pin, unpin } from '../../src/tasks/pin.ts';
import { listPolicies, removePolicy, setPolicy } from '../../src/tasks/policy.ts';
import { lookAtSnapshots } from '../../src/tasks/snapshots.ts';
import { undo } from '../../src/tasks/undo.ts';
import { backupOf } from '../support/backup.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempFolder, tempRepository } from '../support/temp-repository.ts';

const DAY = 86_400_000;
const START = Date.UTC(2026, 5, 1, 12);

/** A repository to which a snapshot comes each day. */
async function diary(days: number) {
  const clock = new SimClock(START);
  const made = await tempRepository({ clock });
  const folder = await tempFolder();
  const state = new MemoryState();
  const names: ObjectName[] = [];
  for (let day = 0; day < days; day++) {
    writeFileSync(join(folder, 'file'), `day ${day}`);
    const { snapshot } = await backupOf(await made.openIndexed(), folder);
    if (snapshot !== undefined) names.push(snapshot);
    clock.advance(DAY);
  }
  const nothing = { hosts: [], tags: [], paths: [] };
  const base: ForgetOptions = {
    rules: {},
    groupBy: ['host', 'paths'],
    filter: nothing,
    references: [],
    trash: 7 * DAY,
    dryRun: false,
    evenMost: true,
  };
  return {
    clock,
    folder,
    names,
    open: () => made.open(),
    pin: async (more: Partial<PinOptions>) =>
      pin(await made.open(), state, { references: [], dryRun: false, ...more }, ignoreEvents),
    unpin: async (...references: string[]) =>
      unpin(await made.open(), state, { references, dryRun: false }, ignoreEvents),
    pins: async () => listPins(await made.open(), state, ignoreEvents),
    forget: async (more: Partial<ForgetOptions>) =>
      forget(await made.open(), state, { ...base, ...more }, ignoreEvents),
    undo: async () => undo(await made.open(), state, { dryRun: false }),
    visible: async () =>
      (await lookAtSnapshots(await made.open(), state, ignoreEvents)).snapshots.map(({ name }) => name),
  };
}

describe('a pinned snapshot', () => {
  it('stays whatever the rules say, until its time is over', async () => {
    const { names, clock, pin: pinSome, forget: forgetBy, visible, pins } = await diary(5);
    await pinSome({ references: [names[0] ?? '', 'latest~3'], until: clock.now() + 10 * DAY, reason: 'law' });
    await forgetBy({ rules: { last: 1 } });
    expect(await visible()).toEqual([names[0], names[1], names[4]]);
    expect((await pins()).map(({ name, reason, isOver }) => [name, reason, isOver])).toEqual(
      [names[0], names[1]].toSorted().map((name) => [name, 'law', false]),
    );
    clock.advance(10 * DAY);
    expect((await pins()).every(({ isOver }) => isOver)).toBe(true);
    await forgetBy({ rules: { last: 1 } });
    expect(await visible()).toEqual([names[4]]);
  });

  it('is refused by its name until the pin is taken away; nothing else goes either', async () => {
    const { names, pin: pinSome, unpin: unpinSome, forget: forgetBy, visible } = await diary(3);
    await pinSome({ references: [names[0] ?? ''] });
    const references = [names[1] ?? '', names[0] ?? ''];
    await expect(forgetBy({ references })).rejects.toMatchObject({ code: 'failed', hint: /neo pin --remove/ });
    expect(await visible()).toEqual(names);
    expect(await unpinSome(names[0] ?? '')).toEqual([names[0]]);
    await forgetBy({ references });
    expect(await visible()).toEqual(names.slice(2));
  });

  it('takes no place that a rule gives to others', async () => {
    const { names, pin: pinSome, forget: forgetBy } = await diary(4);
    await pinSome({ references: [names[3] ?? ''] });
    const [group] = (await forgetBy({ rules: { last: 1 }, dryRun: true })).groups;
    expect(group?.decisions.map(({ keep, reasons }) => [keep, reasons])).toEqual([
      [true, ['pinned']],
      [true, ['latest', 'last']],
      [false, ['no rule keeps it']],
      [false, ['no rule keeps it']],
    ]);
  });

  it('is not one that lies in the trash, or of a time that is past', async () => {
    const { names, clock, pin: pinSome, forget: forgetBy, undo: undoLast, pins } = await diary(3);
    await expect(pinSome({ references: ['latest'], until: clock.now() })).rejects.toMatchObject({ code: 'usage' });
    await forgetBy({ references: [names[0] ?? ''] });
    await expect(pinSome({ references: [names[0] ?? ''] })).rejects.toMatchObject({ code: 'failed', hint: /neo undo/ });
    expect(await pins()).toEqual([]);
    await undoLast();
    await pinSome({ references: [names[0] ?? ''], dryRun: true });
    expect(await pins()).toEqual([]);
  });

  it('loses its pin even when it is gone itself, and not twice', async () => {
    const { open, pins, unpin: unpinSome } = await diary(1);
    const repository = await open();
    const gone = '12'.repeat(32);
    await putRecord(repository, await listRecords(repository), { type: 'pin', subject: gone, time: 1, pinned: true });
    expect((await pins()).map(({ name, snapshot }) => [name, snapshot])).toEqual([[gone, undefined]]);
    expect(await unpinSome('1212')).toEqual([gone]);
    await expect(unpinSome('1212')).rejects.toMatchObject({ code: 'failed' });
    await expect(unpinSome('latest')).rejects.toMatchObject({ code: 'failed', message: /is not pinned/ });
  });
});

describe('stored policies', () => {
  it('are what forget goes by when it is told nothing; what has none stays', async () => {
    const { open, folder, names, forget: forgetBy, visible } = await diary(5);
    await expect(forgetBy({})).rejects.toMatchObject({ code: 'usage', hint: /neo policy set/ });
    await setPolicy(await open(), { path: utf8('/elsewhere') }, { last: 1 }, { dryRun: false });
    const [group] = (await forgetBy({})).groups;
    expect(group?.decisions.every(({ keep, reasons }) => keep && reasons[0] === 'no rule')).toBe(true);
    await setPolicy(await open(), {}, { last: 4 }, { dryRun: false });
    await setPolicy(await open(), { path: utf8(folder) }, { last: 2 }, { dryRun: true });
    await forgetBy({});
    expect(await visible()).toEqual(names.slice(1));
    await setPolicy(await open(), { path: utf8(folder) }, { last: 2 }, { dryRun: false });
    await forgetBy({ rules: { last: 3 } });
    expect(await visible()).toEqual(names.slice(2));
    await forgetBy({});
    expect(await visible()).toEqual(names.slice(3));
  });

  it('are not stopped by what anybody can put there, only by what role full signed and this version does not know', async () => {
    const { open, names, forget: forgetBy, visible } = await diary(3);
    const repository = await open();
    await setPolicy(repository, {}, { last: 2 }, { dryRun: false });
    const { engine, backend, keys, signer } = repository;
    const put = async (bytes: Uint8Array): Promise<void> =>
      backend.put(`records/${Buffer.from(engine.blake3(bytes)).toString('hex')}`, bytes);
    const body = canonicalJson({ v: 2, type: 'policy' });
    const signed = encodeSealedSigned(repository, 'record', keys.index, signer, body);
    const later = Uint8Array.from(signed);
    // The version in the header.
    later[5] = 9;
    await put(later);
    await forgetBy({});
    expect(await visible()).toEqual(names.slice(1));
    await put(signed);
    await expect(forgetBy({})).rejects.toMatchObject({ code: 'needs-newer-neo' });
  });

  it('are replaced, removed, and listed', async () => {
    const { open } = await diary(0);
    const repository = await open();
    const home = { host: 'laptop', path: utf8('/home') };
    await setPolicy(repository, home, { last: 1 }, { dryRun: false });
    await setPolicy(repository, {}, { each: { daily: Number.POSITIVE_INFINITY } }, { dryRun: false });
    await setPolicy(repository, home, { last: 2 }, { dryRun: false });
    const listed = async () => (await listPolicies(repository)).policies.map(({ host, rules }) => [host, rules]);
    expect(await listed()).toEqual([
      [undefined, { each: { daily: Number.POSITIVE_INFINITY } }],
      ['laptop', { last: 2 }],
    ]);
    await expect(removePolicy(repository, { host: 'laptop' })).rejects.toMatchObject({ code: 'failed' });
    await removePolicy(repository, home);
    expect(await listed()).toHaveLength(1);
    await expect(setPolicy(repository, {}, {}, { dryRun: false })).rejects.toMatchObject({ code: 'usage' });
  });
});
