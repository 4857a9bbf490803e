/** Servers that send each other what they have: real ones on loopback, over lines that can be cut. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { forgetLastEntry } from '../support/forget-entry.ts';
import { Linked, objects, pathsOf, putAll } from '../support/linked-servers.ts';

const LONG = 60_000;

async function expectSame(linked: Linked, paths: Iterable<string>, ...servers: number[]): Promise<void> {
  const expected = [...paths].sort();
  for (const n of servers) expect(await pathsOf(linked.target(n)), `at ${n}`).toEqual(expected);
}

/** Where an object lies in whatever target. */
function fileOf(root: string, path: string): string {
  const [, name = ''] = path.split('/');
  const found = readdirSync(root, { recursive: true, encoding: 'utf8' }).find((each) => each.endsWith(name));
  return join(root, found ?? 'not there');
}

describe('what comes to a server', () => {
  test('comes to its replica within two seconds, once; then nothing goes over the line', {
    timeout: LONG,
  }, async () => {
    await using linked = await Linked.start(2);
    await linked.link(0, 1);
    const docs = await linked.own(0);
    const all = objects(100);
    await putAll(docs, all);
    const began = performance.now();
    await docs.put('snapshots/1', Buffer.from('snapshot'));
    await vi.waitFor(async () => expect(await pathsOf(linked.target(1))).toHaveLength(101), { timeout: 10_000 });
    expect(performance.now() - began).toBeLessThan(2000);
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

describe('a replica', () => {
  test('that has lost an object, as nobody removed it, gets it again', { timeout: LONG }, async () => {
    await using linked = await Linked.start(2);
    await linked.link(0, 1);
    const all = objects(30);
    await putAll(await linked.own(0), all);
    await vi.waitFor(async () => expect(await pathsOf(linked.target(1))).toHaveLength(30), { timeout: 20_000 });
    await linked.settled();
    const [lost = ''] = all.keys();
    rmSync(fileOf(linked.root(1), lost));
    expect(await pathsOf(linked.target(1))).toHaveLength(29);
    await (await linked.admin(0)).call('replica-compare', { name: 'site-1' });
    await vi.waitFor(async () => expectSame(linked, all.keys(), 0, 1), { timeout: 20_000 });
  });

  test('whose copy is damaged finds that itself when it has to prove it, keeps it aside and gets it again', {
    timeout: LONG,
  }, async () => {
    await using linked = await Linked.start(2);
    await linked.link(0, 1);
    const all = objects(4);
    await putAll(await linked.own(0), all);
    await vi.waitFor(async () => expect(await pathsOf(linked.target(1))).toHaveLength(4), { timeout: 20_000 });
    await linked.settled();
    const [bad = ''] = all.keys();
    const file = fileOf(linked.root(1), bad);
    rmSync(file);
    writeFileSync(file, 'packs X');
    await (await linked.admin(0)).call('replica-compare', { name: 'site-1' });
    await vi.waitFor(
      async () => expect(Buffer.from((await linked.target(1).get(bad)) ?? [])).toEqual(Buffer.from(all.get(bad) ?? [])),
      { timeout: 20_000 },
    );
    const [, name = ''] = bad.split('/');
    const aside = readdirSync(join(linked.root(1), 'damaged'), { recursive: true, encoding: 'utf8' });
    expect(aside.filter((each) => each.endsWith(name))).toHaveLength(1);
    await linked.settled();
  });

  test('takes nothing that is damaged, says what, and gets all else', { timeout: LONG }, async () => {
    await using linked = await Linked.start(2);
    await linked.link(0, 1);
    linked.line(0, 1).down();
    const all = objects(20);
    await putAll(await linked.own(0), all);
    const [bad = ''] = all.keys();
    const file = fileOf(linked.root(0), bad);
    rmSync(file);
    writeFileSync(file, 'packs X');
    linked.line(0, 1).up();
    await vi.waitFor(async () => expect(await pathsOf(linked.target(1))).toHaveLength(19), { timeout: 20_000 });
    await vi.waitFor(async () => {
      const [status] = await linked.replicas(0);
      expect(status).toMatchObject({
        queued: 1,
        state: 'refused',
        error: expect.stringContaining(`the bytes of ${bad} are not those of its name`),
      });
    });
  });

  test('that holds another repository of this name is left alone, and said so', { timeout: LONG }, async () => {
    await using linked = await Linked.start(2);
    const [one, other] = [objects(1, 'config/0-'), objects(1, 'config/0-', 'other')];
    const named = (set: Map<string, Uint8Array>) => new Map([...set].map(([path, b]) => [path.replace('-/', '-'), b]));
    await putAll(await linked.own(0), new Map([...named(one), ...objects(5)]));
    await putAll(await linked.own(1), named(other));
    await linked.link(0, 1);
    await vi.waitFor(
      async () =>
        expect((await linked.replicas(0))[0]?.error).toMatch(/^tester:docs: .* tester:docs holds another repository$/),
      { timeout: 20_000 },
    );
    expect(await pathsOf(linked.target(1))).toHaveLength(1);
  });

  test('stores in accounts that were made there only when it was let in to all', { timeout: LONG }, async () => {
    await using linked = await Linked.start(2);
    await linked.own(1, 'other');
    const all = objects(5);
    await putAll(await linked.own(0), all);
    await linked.link(0, 1, false);
    await vi.waitFor(
      async () => {
        const [status] = await linked.replicas(0);
        expect(status).toMatchObject({ state: 'refused', sentObjects: 0 });
        expect(status?.error).toMatch(/the account tester was not brought there by another server$/);
      },
      { timeout: 20_000 },
    );
    await (await linked.admin(1)).call('replica-invite', { name: 'site-0', reachesAll: true });
    await (await linked.admin(0)).call('replica-compare', { name: 'site-1' });
    await vi.waitFor(async () => expectSame(linked, all.keys(), 0, 1), { timeout: 20_000 });
  });

  test('keeps slots of keys that were removed elsewhere', { timeout: LONG }, async () => {
    await using linked = await Linked.start(2);
    await linked.link(0, 1);
    const docs = await linked.own(0);
    await docs.put('keys/a/0', Buffer.from('slot'));
    await vi.waitFor(async () => expectSame(linked, ['keys/a/0'], 1), { timeout: 20_000 });
    await docs.remove('keys/a/0');
    await linked.settled();
    await expectSame(linked, [], 0);
    await expectSame(linked, ['keys/a/0'], 1);
  });

  test('does not bring back a target that was removed', { timeout: LONG }, async () => {
    await using linked = await Linked.start(2);
    await linked.link(0, 1);
    const all = objects(5);
    await putAll(await linked.own(0), all);
    await vi.waitFor(async () => expect(await pathsOf(linked.target(1))).toHaveLength(5), { timeout: 20_000 });
    const there = await linked.server(1).admin(await linked.server(1).trustOf('tester'));
    await there.call('target-remove', { name: 'docs' });
    await (await linked.admin(0)).call('replica-compare', { name: 'site-1' });
    await vi.waitFor(
      async () => expect((await linked.replicas(0))[0]?.error).toMatch(/tester:docs was removed there$/),
      { timeout: 20_000 },
    );
    await there.call('target-create', { name: 'docs' });
    await (await linked.admin(0)).call('replica-compare', { name: 'site-1' });
    await vi.waitFor(async () => expectSame(linked, all.keys(), 0, 1), { timeout: 20_000 });
  });

  test('signs the head of the ledger, and never one of another history', { timeout: LONG }, async () => {
    await using linked = await Linked.start(2);
    await linked.link(0, 1);
    const docs = await linked.own(0);
    await docs.put('snapshots/1', Buffer.from('one'));
    const admin = await linked.admin(0);
    await vi.waitFor(
      async () => {
        const { head, witnesses = [] } = await admin.call('ledger-head', {});
        expect(witnesses.map(({ size, root }) => ({ size, root }))).toEqual([{ size: head.size, root: head.root }]);
      },
      { timeout: 20_000 },
    );
    // The last entry is gone, as in a server that was brought back from an older backup; and another one takes its place.
    await linked.restart(0, async () => forgetLastEntry(linked.root(0)));
    await linked.target(0).put('snapshots/2', Buffer.from('two'));
    await linked.target(0).put('snapshots/3', Buffer.from('three'));
    await vi.waitFor(
      async () => {
        const [status] = await linked.replicas(0);
        expect(status?.error).toMatch(/of the ledger are not what they were/);
      },
      { timeout: 20_000 },
    );
  });
});
