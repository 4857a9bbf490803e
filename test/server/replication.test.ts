/** Servers that send each other what they have: real ones on loopback, over lines that can be cut. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { expectSame, fileOf, Linked, objects, pathsOf, putAll } from '../support/linked-servers.ts';

const LONG = 60_000;

describe('what comes to a server', () => {
  test('comes to its replica at once, and once; then nothing goes over the line', {
    timeout: LONG,
  }, async () => {
    await using linked = await Linked.start(2);
    await linked.link(0, 1);
    const docs = await linked.own(0);
    const all = objects(100);
    await putAll(docs, all);
    await docs.put('snapshots/1', Buffer.from('snapshot'));
    await vi.waitFor(async () => expect(await pathsOf(linked.target(1))).toHaveLength(101), { timeout: 10_000 });
    await linked.settled();
    await expectSame(linked, [...all.keys(), 'snapshots/1'], 0, 1);
    expect(await linked.sent()).toBe(101);
    const { bytes } = linked;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(linked.bytes).toBe(bytes);
  });

  test('before there was a replica is sent to it, too', { timeout: LONG }, async () => {
    await using linked = await Linked.start(2);
    const all = objects(500);
    await putAll(await linked.own(0), all);
    await linked.link(0, 1);
    await vi.waitFor(async () => expect(await linked.sent()).toBe(500), { timeout: 20_000 });
    await linked.settled();
    await expectSame(linked, all.keys(), 0, 1);
  });

  test('while the replica is away, and over an own end, is sent when it is back', { timeout: LONG }, async () => {
    await using linked = await Linked.start(2);
    await linked.link(0, 1);
    await linked.settled();
    linked.line(0, 1).down();
    const [before, after] = [objects(50, 'packs', 'a'), objects(50, 'packs', 'b')];
    await putAll(await linked.own(0), before);
    await linked.restart(0);
    await putAll(await linked.own(0), after);
    expect((await linked.replicas(0))[0]).toMatchObject({ queued: 100, state: 'unreachable' });
    const metrics = await (await linked.admin(0)).metrics();
    expect(metrics).toMatch(/^neo_replica_queued\{replica="site-1"\} 100$/m);
    expect(metrics).toMatch(/^neo_replica_problem\{replica="site-1"\} 1$/m);
    expect(metrics).toMatch(/^neo_replica_lag_seconds\{replica="site-1"\} \d+$/m);
    expect(metrics).toMatch(/^neo_ledger_entries \d+$/m);
    linked.line(0, 1).up();
    await vi.waitFor(async () => expect(await linked.sent()).toBe(100), { timeout: 20_000 });
    await expectSame(linked, [...before.keys(), ...after.keys()], 0, 1);
  });

  test('is found by comparing where a crash has lost the queue', { timeout: LONG }, async () => {
    await using linked = await Linked.start(2);
    await linked.link(0, 1);
    const all = objects(40);
    linked.line(0, 1).down();
    await putAll(await linked.own(0), all);
    const { db } = linked.server(0).database;
    await linked.restart(0);
    const { db: again } = linked.server(0).database;
    expect(again).not.toBe(db);
    // As if the server had been killed before it wrote anything down.
    await again.deleteFrom('replica_queue').execute();
    await linked.restart(0, async () => {
      const { DatabaseSync } = await import('node:sqlite');
      const file = new DatabaseSync(join(linked.root(0), 'server.db'));
      file.exec("delete from settings where name = 'replication-clean'");
      file.close();
    });
    linked.line(0, 1).up();
    await vi.waitFor(async () => expect(await linked.sent()).toBe(40), { timeout: 20_000 });
    await expectSame(linked, all.keys(), 0, 1);
  });

  test('is brought whole though the line is cut again and again', { timeout: LONG }, async () => {
    await using linked = await Linked.start(2);
    await linked.link(0, 1);
    const docs = await linked.own(0);
    const all = objects(120);
    const putting = putAll(docs, all);
    for (let n = 0; n < 6; n++) {
      linked.line(0, 1).cutAfter(3000 * (n + 1));
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await putting;
    await vi.waitFor(async () => expect(await pathsOf(linked.target(1))).toHaveLength(120), { timeout: 30_000 });
    await linked.settled();
  });
});

describe('a comparison', () => {
  // `NEO_OBJECTS=10000` for the figures of docs/performance.md.
  const count = Number(process.env['NEO_OBJECTS'] ?? 1000);

  test('costs what differs, and not what there is', { timeout: 600_000 }, async () => {
    await using linked = await Linked.start(2);
    const all = objects(count);
    await putAll(await linked.own(0), all);
    await linked.link(0, 1);
    await vi.waitFor(async () => expect(await linked.sent()).toBe(count), { timeout: 400_000, interval: 200 });
    const nothing = await costOf(linked);
    const left = [...all.keys()];
    const lost = Array.from({ length: 7 }, (_, n) => left[Math.floor((n * count) / 7)] ?? '');
    for (const path of lost) rmSync(fileOf(linked.root(1), path));
    const seven = await costOf(linked);
    expect(await linked.sent()).toBe(count + 7);
    await expectSame(linked, all.keys(), 0, 1);
    const list = JSON.stringify(left.map((path) => [path, 100, 1_700_000_000_000])).length;
    console.info(`${count} objects: nothing differs ${nothing} bytes, 7 differ ${seven} bytes, a list ${list} bytes`);
    // Both know the same: a hash, and the proofs of a few objects.
    expect(nothing).toBeLessThan(10_000);
    expect(seven).toBeLessThan(30_000);
  });
});

/** Bytes on all lines until a comparison is done, and what it has found is sent. */
async function costOf(linked: Linked): Promise<number> {
  await linked.settled();
  const before = linked.bytes;
  const admin = await linked.admin(0);
  const [first] = await linked.replicas(0);
  await admin.call('replica-compare', { name: 'site-1' });
  await vi.waitFor(
    async () => {
      const [now] = await linked.replicas(0);
      expect([null, first?.compared]).not.toContain(now?.compared);
    },
    { timeout: 60_000 },
  );
  await linked.settled();
  return linked.bytes - before;
}

describe('three servers', () => {
  test.each<[string, readonly (readonly [number, number])[]]>([
    [
      'in a ring',
      [
        [0, 1],
        [1, 2],
        [2, 0],
      ],
    ],
    [
      'that all send to all',
      [
        [0, 1],
        [1, 0],
        [0, 2],
        [2, 0],
        [1, 2],
        [2, 1],
      ],
    ],
  ])('%s have 100 objects each, each sent twice, and are silent then', { timeout: 120_000 }, async (_, links) => {
    await using linked = await Linked.start(3);
    for (const [from, to] of links) await linked.link(from, to);
    const docs = await linked.own(0);
    const all = objects(100);
    await putAll(docs, all);
    await vi.waitFor(
      async () => {
        for (const n of [1, 2]) expect(await pathsOf(linked.target(n))).toHaveLength(100);
      },
      { timeout: 30_000 },
    );
    await linked.settled();
    await expectSame(linked, all.keys(), 0, 1, 2);
    expect(await linked.sent()).toBe(200);
    const { bytes } = linked;
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(linked.bytes).toBe(bytes);
  });

  test('to all of which something comes at once end with the same', { timeout: 120_000 }, async () => {
    await using linked = await Linked.start(3);
    for (const [from, to] of [
      [0, 1],
      [1, 2],
      [2, 0],
    ] as const)
      await linked.link(from, to);
    const sets = [0, 1, 2].map((n) => objects(40, 'packs', `of ${n} `));
    await Promise.all(sets.map(async (set, n) => putAll(await linked.own(n), set)));
    const paths = sets.flatMap((set) => [...set.keys()]);
    await vi.waitFor(async () => expectSame(linked, paths, 0, 1, 2), { timeout: 30_000 });
    await linked.settled();
    expect(await linked.sent()).toBe(240);
  });
});

describe('what is removed', () => {
  test('goes from all, does not come back, and may come anew', { timeout: 120_000 }, async () => {
    await using linked = await Linked.start(3);
    for (const [from, to] of [
      [0, 1],
      [1, 2],
      [2, 0],
    ] as const)
      await linked.link(from, to);
    const docs = await linked.own(0);
    const [kept, gone] = [objects(10), objects(5, 'index')];
    await putAll(docs, kept);
    await putAll(docs, gone);
    await vi.waitFor(async () => expect(await pathsOf(linked.target(2))).toHaveLength(15), { timeout: 20_000 });
    for (const path of gone.keys()) await docs.remove(path);
    await vi.waitFor(async () => expectSame(linked, kept.keys(), 0, 1, 2), { timeout: 20_000 });
    for (const n of [0, 1, 2]) {
      for (const { name } of await linked.replicas(n)) await (await linked.admin(n)).call('replica-compare', { name });
    }
    await linked.settled();
    await expectSame(linked, kept.keys(), 0, 1, 2);
    const [again] = gone;
    if (again === undefined) throw new Error('there is none');
    await linked.target(1).put(...again);
    await vi.waitFor(async () => expectSame(linked, [...kept.keys(), again[0]], 0, 1, 2), { timeout: 20_000 });
  });

  test('though the queue has it as put, as after a comparison meanwhile, holds up nothing', {
    timeout: LONG,
  }, async () => {
    await using linked = await Linked.start(2);
    await linked.link(0, 1);
    await linked.settled();
    linked.line(0, 1).down();
    const docs = await linked.own(0);
    const all = objects(3, 'index');
    await putAll(docs, all);
    const [gone = '', ...kept] = all.keys();
    await docs.remove(gone);
    await docs.put('snapshots/1', Buffer.from('snapshot'));
    await vi.waitFor(async () => expect((await linked.replicas(0))[0]?.queued).toBe(4));
    await linked.server(0).database.db.updateTable('replica_queue').set({ action: 'put' }).execute();
    linked.line(0, 1).up();
    await vi.waitFor(async () => expectSame(linked, [...kept, 'snapshots/1'], 0, 1), { timeout: 20_000 });
    await linked.settled();
  });

  test('while a replica is away goes from it later', { timeout: LONG }, async () => {
    await using linked = await Linked.start(2);
    await linked.link(0, 1);
    const docs = await linked.own(0);
    const all = objects(10, 'index');
    await putAll(docs, all);
    await vi.waitFor(async () => expect(await pathsOf(linked.target(1))).toHaveLength(10), { timeout: 20_000 });
    linked.line(0, 1).down();
    const [first = '', ...rest] = all.keys();
    await docs.remove(first);
    await linked.restart(0);
    linked.line(0, 1).up();
    await vi.waitFor(async () => expectSame(linked, rest, 0, 1), { timeout: 20_000 });
  });
});
