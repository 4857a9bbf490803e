/** What a server removes, whoever asks: what a prune has marked for a while, and never most of a target at once. */
import { mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServedBackend } from '../../src/backends/backend.ts';
import { openLocal } from '../../src/backends/local.ts';
import { encodeMarks, marksPath } from '../../src/protocol/marks.ts';
import { type Day, Losses } from '../../src/server/losses.ts';
import { RemovalGuard, type RemovalLimits } from '../../src/server/removal-guard.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const GIB = 1 << 30;
const refused = expect.objectContaining({ code: 'permission-denied' });

let folder: string;
let storage: ServedBackend;
let time = 0;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'neo-removals-'));
  storage = await openLocal(folder);
  time = 0;
});
afterEach(() => rm(folder, { recursive: true }));

function guard(limits: RemovalLimits, bytes = GIB): RemovalGuard {
  const clock = { now: () => time, monotonic: () => time };
  let day: Day | undefined;
  const store = {
    load: async () => day,
    save: async (written: Day) => {
      day = written;
    },
  };
  const losses = new Losses({ store, clock, part: () => limits.part, bytes: async () => bytes });
  return new RemovalGuard(storage, limits, losses, clock);
}

const pack = (name: string, size = 1) => ({ path: `packs/00/${name}`, size, modified: 0 });

async function mark(tomb: string, paths: readonly string[], age: number): Promise<void> {
  const path = marksPath(`tombs/${tomb}`);
  await storage.put(path, encodeMarks(paths));
  const then = new Date(Date.now() - age);
  await utimes(join(folder, path), then, then);
}

describe('of what was marked', () => {
  const limits = { grace: HOUR, part: 1 };

  it('that goes which is old enough, and nothing else of packs and snapshots', async () => {
    await mark('1-a', ['packs/00/old', 'snapshots/old'], 2 * HOUR);
    await mark('2-b', ['packs/00/new'], HOUR / 2);
    const removals = guard(limits);
    await removals.check(pack('old'));
    await removals.check({ path: 'snapshots/old', size: 1, modified: 0 });
    await expect(removals.check(pack('new'))).rejects.toEqual(refused);
    await expect(removals.check(pack('other'))).rejects.toEqual(refused);
    await expect(removals.check({ path: 'snapshots/new', size: 1, modified: 0 })).rejects.toEqual(refused);
  });

  it('a list that comes later counts once it is old enough, one that is taken away no more', async () => {
    const removals = guard(limits);
    await expect(removals.check(pack('a'))).rejects.toEqual(refused);
    await mark('1-a', ['packs/00/a'], 2 * HOUR);
    await removals.check(pack('a'));
    await storage.remove('tombs/1-a.marks');
    await expect(removals.check(pack('b'))).rejects.toEqual(refused);
    await expect(removals.check(pack('a'))).rejects.toEqual(refused);
  });

  it('a list that is damaged, or lies elsewhere, marks nothing', async () => {
    await storage.put('tombs/1-a.marks', new TextEncoder().encode('packs/00/a\nPACKS ÿ'));
    await storage.put('packs/00/1-a.marks', encodeMarks(['packs/00/a']));
    const past = new Date(Date.now() - 2 * HOUR);
    for (const path of ['tombs/1-a.marks', 'packs/00/1-a.marks']) await utimes(join(folder, path), past, past);
    await expect(guard(limits).check(pack('a'))).rejects.toEqual(refused);
  });

  it('sessions, tombs, index and shares go as before, configurations only when they are new, or it is allowed', async () => {
    const removals = guard(limits);
    for (const path of ['sessions/a', 'tombs/1-a', 'index/a', 'shares/a/1', 'keys/a', 'removals/a']) {
      await removals.check({ path, size: 1, modified: 0 });
    }
    await expect(removals.check({ path: 'config/0', size: 1, modified: 0 })).rejects.toEqual(refused);
    await removals.check({ path: 'config/0', size: 1, modified: Date.now() - HOUR / 2 });
    removals.allowLoss(HOUR);
    await removals.check({ path: 'config/0', size: 1, modified: 0 });
  });
});

describe('of all that is there', () => {
  const limits = { grace: 0, part: 0.5 };

  it('no more than a part goes within a day', async () => {
    const removals = guard(limits);
    await removals.check(pack('a', GIB / 2));
    await expect(removals.check(pack('b', 1))).rejects.toEqual(refused);
    time += DAY + 1;
    await removals.check(pack('b', 1));
  });

  it('what was refused does not count', async () => {
    const removals = guard(limits);
    await expect(removals.check(pack('a', GIB))).rejects.toEqual(refused);
    await removals.check(pack('b', GIB / 2));
  });

  it('all may go of what is small, and for as long as the owner says', async () => {
    await guard(limits, 1 << 20).check(pack('a', 1 << 20));
    const removals = guard(limits);
    removals.allowLoss(HOUR);
    await removals.check(pack('a', GIB));
    time += HOUR + 1;
    await expect(removals.check(pack('b', 1))).rejects.toEqual(refused);
  });

  it('of many that ask at once none goes beyond', async () => {
    const removals = guard(limits);
    const asked = Array.from({ length: 128 }, (_, i) => removals.check(pack(`p${i}`, GIB / 128)));
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(64);
  });
});
