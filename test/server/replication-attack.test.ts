/** Replicas that lose, damage, refuse or lie, lines that are cut, clocks that are wrong: found, named, and mended where there is another copy. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { describe, expect, test, vi } from 'vitest';
import { encodeMarks } from '../../src/protocol/marks.ts';
import { forgetLastEntry } from '../support/forget-entry.ts';
import { expectSame, fileOf, Linked, objects, pathsOf, putAll } from '../support/linked-servers.ts';

const LONG = 60_000;
const HOUR = 3_600_000;
/** Where a line is cut: `NEO_CUTS` for more. */
const CUTS = Number(process.env['NEO_CUTS'] ?? 12);

describe('under attack', () => {
  test('a line that is cut in the midst of anything leaves nothing behind', { timeout: 120_000 }, async () => {
    await using linked = await Linked.start(2);
    await linked.link(0, 1);
    await linked.settled();
    const docs = await linked.own(0);
    const all = new Map<string, Uint8Array>();
    const { bytes } = linked;
    const first = objects(3, 'packs', 'first ');
    await putAll(docs, first);
    await linked.settled();
    // A handshake, an offer, three objects and a head: as long as that is, so many places there are.
    const length = linked.bytes - bytes + 3000;
    for (let n = 0; n < CUTS; n++) {
      linked.line(0, 1).cutAfter(Math.floor((n * length) / CUTS) + 1);
      const some = objects(3, 'packs', `${n} `);
      for (const each of some) all.set(...each);
      await putAll(docs, some);
      await docs.put(`snapshots/${n}`, Buffer.from('snapshot'));
      await linked.settled();
    }
    await expectSame(
      linked,
      [
        ...first.keys(),
        ...all.keys(),
        ...Array(CUTS)
          .keys()
          .map((n) => `snapshots/${n}`),
      ],
      0,
      1,
    );
  });

  test('clocks that are hours apart make no difference', { timeout: LONG }, async () => {
    const apart = (n: number) => ({ now: () => Date.now() + (n - 1) * 7 * HOUR, monotonic: () => performance.now() });
    await using linked = await Linked.start(3, (n) => ({ clock: apart(n) }));
    for (const [from, to] of [
      [0, 1],
      [1, 2],
      [2, 0],
    ] as const)
      await linked.link(from, to);
    const all = objects(30);
    await putAll(await linked.own(0), all);
    await vi.waitFor(async () => expectSame(linked, all.keys(), 0, 1, 2), { timeout: 20_000 });
    const [gone = '', ...kept] = all.keys();
    await (await linked.own(1)).remove(gone).catch(() => linked.target(1).remove(gone));
    await vi.waitFor(async () => expectSame(linked, kept, 0, 1, 2), { timeout: 20_000 });
    await linked.settled();
  });

  test('what the disk of the queue has no room for is found when there is room again', { timeout: LONG }, async () => {
    await using linked = await Linked.start(2);
    await linked.link(0, 1);
    await linked.settled();
    const { db } = linked.server(0).database;
    await sql`create trigger full before insert on replica_queue begin select raise(abort, 'full'); end`.execute(db);
    const all = objects(10);
    // Whoever puts is told as ever: it is there, and will be sent.
    await putAll(await linked.own(0), all);
    await vi.waitFor(async () => expect((await linked.replicas(0))[0]?.state).toBe('refused'), { timeout: 10_000 });
    await sql`drop trigger full`.execute(db);
    await vi.waitFor(async () => expectSame(linked, all.keys(), 0, 1), { timeout: 30_000 });
    linked.server(0).faults.length = 0;
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

  test('lets packs go by its own grace, however late, and marks only after them', { timeout: LONG }, async () => {
    let ahead = 0;
    const clock = { now: () => Date.now() + ahead, monotonic: () => performance.now() + ahead };
    const patient = {
      'removals.after': { value: '1h', source: 'flag' },
      'removals.most': { value: '1', source: 'flag' },
    };
    await using linked = await Linked.start(2, (n) => (n === 1 ? { clock, settings: patient as never } : {}));
    await linked.link(0, 1);
    const docs = await linked.own(0);
    const all = objects(3);
    await putAll(docs, all);
    const [marks = ''] = objects(1, 'tombs/1-').keys();
    const path = `${marks.replace('-/', '-')}.marks`;
    await docs.put(path, encodeMarks([...all.keys()]));
    await vi.waitFor(async () => expect(await pathsOf(linked.target(1))).toHaveLength(4), { timeout: 20_000 });
    for (const each of [...all.keys(), path]) await docs.remove(each);
    await vi.waitFor(async () => expect((await linked.replicas(0))[0]?.error).toMatch(/after a prune has marked it/), {
      timeout: 20_000,
    });
    const { db } = linked.server(0).database;
    const again = async (): Promise<void> => {
      await db.updateTable('replica_queue').set({ due: 0 }).execute();
      await (await linked.admin(0)).call('replica-compare', { name: 'site-1' });
    };
    await again();
    await vi.waitFor(async () => expect((await linked.replicas(0))[0]?.queued).toBe(4));
    expect(await pathsOf(linked.target(1))).toHaveLength(4);
    ahead = 2 * HOUR;
    await again();
    await vi.waitFor(async () => {
      await again();
      await expectSame(linked, [], 0, 1);
    });
  });

  test('without room has no snapshot of which something is missing', { timeout: LONG }, async () => {
    await using linked = await Linked.start(2);
    await linked.link(0, 1);
    const docs = await linked.own(0);
    const there = await linked.admin(1);
    await there.call('user-set', { name: 'tester', quota: 1000 });
    const pack = Buffer.alloc(2000, 'x');
    await docs.put('index/large', pack);
    await docs.put('snapshots/1', Buffer.from('snapshot'));
    await vi.waitFor(async () => expect((await linked.replicas(0))[0]?.error).toMatch(/quota/), { timeout: 20_000 });
    const { db } = linked.server(0).database;
    for (let n = 0; n < 3; n++) {
      await db.updateTable('replica_queue').set({ tries: 9, due: 0 }).execute();
      await (await linked.admin(0)).call('replica-compare', { name: 'site-1' });
      await vi.waitFor(async () => {
        const rows = await db.selectFrom('replica_queue').where('path', '=', 'index/large').select('tries').execute();
        expect(rows[0]?.tries).not.toBe(9);
      });
      expect(await pathsOf(linked.target(1))).toEqual([]);
    }
    await there.call('user-set', { name: 'tester', quota: null });
    await (await linked.admin(0)).call('replica-compare', { name: 'site-1' });
    await vi.waitFor(async () => expectSame(linked, ['index/large', 'snapshots/1'], 0, 1), { timeout: 20_000 });
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
