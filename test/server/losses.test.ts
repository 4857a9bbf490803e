/** What goes from a target within a day is counted across starts of the server, and kills. */
import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../src/server/database/migrations.ts';
import { type Day, Losses, type LossStore, lossStore } from '../../src/server/losses.ts';
import { startNeoServe } from '../support/neo-serve.ts';
import { RawClient } from '../support/raw-client.ts';
import { dataRootWith, enrol } from '../support/serve-admin.ts';
import { DatabaseFolder, fill } from '../support/server-database.ts';
import { SimClock } from '../support/sim-clock.ts';

const MIB = 1 << 20;
const GIB = 1 << 30;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const refused = expect.objectContaining({ code: 'permission-denied' });

/** What is on the disk; `fails` while it is full. */
class Kept implements LossStore {
  day: Day | undefined;
  saves = 0;
  fails = false;

  async load(): Promise<Day | undefined> {
    return this.day;
  }

  async save(day: Day): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (this.fails) throw new Error('no space');
    this.saves += 1;
    this.day = day;
  }
}

describe('across starts', () => {
  let kept: Kept;
  let clock: SimClock;
  beforeEach(() => {
    kept = new Kept();
    clock = new SimClock();
  });

  /** Of a server that has just started: its monotonic clock begins anew, the other one says `wall`. Half of a GiB may go. */
  function start(wall = clock.now(), bytes = GIB): Losses {
    clock = new SimClock(wall);
    return new Losses({ store: kept, clock, part: () => 0.5, bytes: async () => bytes });
  }
  const add = (losses: Losses, size: number, isAllowed = false) => losses.add(size, isAllowed);

  it('what went is known to the next one, and no less than what went', async () => {
    let losses = start();
    await add(losses, 400 * MIB);
    losses = start(clock.now() + HOUR);
    await expect(add(losses, 113 * MIB)).rejects.toEqual(refused);
    await add(losses, 64 * MIB);
    await expect(add(losses, 64 * MIB)).rejects.toEqual(refused);
  });

  it('it is written down before anything may go', async () => {
    const losses = start();
    let gone = 0;
    const removals = Array.from({ length: 300 }, async (_, n) => {
      await add(losses, 10_000 + n);
      gone += 10_000 + n;
      expect(kept.day?.lost).toBeGreaterThanOrEqual(gone);
    });
    await Promise.all(removals);
  });

  it('of many small ones not each by itself, and no more than a sixteenth is lost by a start', async () => {
    let losses = start();
    for (let n = 0; n < 4000; n += 1) await add(losses, 64 << 10);
    expect(kept.saves).toBeLessThanOrEqual(9);
    const { lost = 0 } = kept.day ?? {};
    expect([lost >= 250 * MIB, lost <= 250 * MIB + GIB / 32]).toEqual([true, true]);
    losses = start();
    await add(losses, GIB / 2 - lost);
    await expect(add(losses, 1)).rejects.toEqual(refused);
  });

  it('however often it starts no more goes than without', async () => {
    let gone = 0;
    for (let n = 0; n < 200; n += 1) {
      await add(start(), 10 * MIB).then(
        () => (gone += 10 * MIB),
        () => undefined,
      );
    }
    expect(gone).toBeGreaterThan(0);
    expect(gone).toBeLessThanOrEqual(GIB / 2);
  });

  it('what was there when the day began counts, not what is there after it', async () => {
    await add(start(), 1);
    await expect(add(start(clock.now(), 100 * GIB), GIB)).rejects.toEqual(refused);
  });

  it('a new day begins a day after the first removal, by the wall clock while no server ran, by the other one else', async () => {
    await add(start(), GIB / 2);
    await expect(add(start(clock.now() + DAY - 1), 1)).rejects.toEqual(refused);
    await add(start(clock.now() + 2), GIB / 2);
    await add(start(clock.now() + DAY + 1), GIB / 4);
    const losses = start(clock.now() + HOUR);
    await expect(add(losses, GIB / 2)).rejects.toEqual(refused);
    clock.advance(DAY - HOUR - 1);
    await expect(add(losses, GIB / 2)).rejects.toEqual(refused);
    clock.advance(2);
    await add(losses, GIB / 2);
  });

  it('of the day that ends nothing is written over the one that begins', async () => {
    const losses = start();
    await add(losses, MIB);
    clock.advance(DAY - 1);
    const late = add(losses, 400 * MIB);
    clock.advance(2);
    await Promise.all([late, add(losses, MIB), add(losses, 500 * MIB)]);
    expect(kept.day?.began).toBe(clock.now());
    await expect(add(start(), 12 * MIB)).rejects.toEqual(refused);
  });

  it('a clock that is set while the server runs begins no day, and none after the next start either', async () => {
    const losses = start();
    await add(losses, GIB / 4);
    clock.set(clock.now() + 300 * DAY);
    await add(losses, GIB / 4);
    await expect(add(losses, 1)).rejects.toEqual(refused);
    await expect(add(start(clock.now() + DAY - 1), 1)).rejects.toEqual(refused);
  });

  it('one that is set back makes a day no longer than a day from the start', async () => {
    await add(start(), GIB / 2);
    const back = clock.now() - 300 * DAY;
    await expect(add(start(back), 1)).rejects.toEqual(refused);
    // Each start would else begin it anew.
    await expect(add(start(back + DAY - 1), 1)).rejects.toEqual(refused);
    await add(start(back + DAY + 1), GIB / 2);
  });

  it('what the owner allows goes, and counts', async () => {
    await add(start(), GIB, true);
    await expect(add(start(), 1)).rejects.toEqual(refused);
    await add(start(), GIB, true);
  });

  it('nothing goes, and nothing counts, while it cannot be written down', async () => {
    const losses = start();
    kept.fails = true;
    const many = Array.from({ length: 5 }, () => add(losses, GIB / 4));
    for (const { status } of await Promise.allSettled(many)) expect(status).toBe('rejected');
    kept.fails = false;
    await add(losses, GIB / 2);
  });
});

describe('in the database', () => {
  let at: DatabaseFolder;
  beforeEach(async () => {
    at = await DatabaseFolder.make();
  });
  afterEach(() => at.remove());

  it('it lies with the target, also in one that an older neo made', async () => {
    const older = await at.open(Object.fromEntries(Object.entries(MIGRATIONS).filter(([name]) => name < '0002')));
    await fill(older.db);
    await older.close();
    const first = await at.open();
    const store = lossStore(first.db, 't');
    expect(await store.load()).toBeUndefined();
    expect(await readdir(at.folder)).toContain('server.db.before-0002');
    const day = { began: 5, bytes: 6, lost: 7 };
    await store.save(day);
    await first.close();
    const { db } = await at.open();
    expect(await lossStore(db, 't').load()).toEqual(day);
    expect(await lossStore(db, 'other').load()).toBeUndefined();
  });

  it('it takes what both clocks say, whatever that is', async () => {
    const { db } = await at.open();
    await fill(db);
    for (const wall of [0, 0.4, 1_796_098_627_994.5]) {
      const clock = { now: () => wall, monotonic: () => 12_345.678 };
      const losses = new Losses({ store: lossStore(db, 't'), clock, part: () => 0.3, bytes: async () => 999_999_999 });
      await losses.add(1, false);
      expect((await lossStore(db, 't').load())?.began).toBe(Math.round(wall));
    }
  });
});

describe('a server that is killed', () => {
  it('gives up no more for it; what its owner allows it gives up', async () => {
    const dataRoot = await dataRootWith('[removals]\nmost = 0.5\n');
    const body = new Uint8Array(16 * MIB);
    const target = 'notes';
    let server = await startNeoServe(['--data-root', dataRoot]);
    const owner = await enrol(server);
    await owner.control.call('target-create', { name: target });
    await owner.control.close();
    const { device } = owner.trust;
    const asking = async <T>(work: (client: RawClient) => Promise<T>): Promise<T> => {
      const client = new RawClient(server.port, { device });
      try {
        return await work(client);
      } finally {
        client.close();
      }
    };
    const remove = (n: number) =>
      asking(async (client) => (await client.ask('remove', { target, path: `packs/00/${n}` })).status);
    await asking(async (client) => {
      for (let n = 0; n < 10; n += 1) {
        expect((await client.ask('put', { target, path: `packs/00/${n}`, body })).status).toBe(204);
      }
    });
    const killed = async (): Promise<void> => {
      process.kill(server.pid, 'SIGKILL');
      await server.ended;
      server = await startNeoServe(['--data-root', dataRoot]);
    };
    // Half are 80 MiB. Of what was written down ahead nothing is there any more after a kill: the fifth one has no room.
    const statuses: number[] = [];
    for (let n = 0; n < 8; n += 1) {
      statuses.push(await remove(n));
      if (n % 2 === 1) await killed();
    }
    expect(statuses).toEqual([204, 204, 204, 204, 403, 403, 403, 403]);
    await asking((client) => client.control('loss-allow', { name: target, milliseconds: HOUR }));
    expect(await remove(4)).toBe(204);
    await server.stop();
  });
});
