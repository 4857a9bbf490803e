/** Writers, pruners, forgetters and a thief at once: here a part of the schedules, all of them in `npm run torture`. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Beginnings, makeBeginnings } from '../support/schedule/base.ts';
import { playSchedule, type ScheduleOptions } from '../support/schedule/play.ts';
import { testEngine } from '../support/temp-repository.ts';

/** Most of them short; of the long ones and those in which keys are rotated one in twenty each. */
const SCHEDULES = Number(process.env['NEO_SCHEDULES'] ?? 2_000);
/** Seeds that once found something, and what. */
const FOUND = JSON.parse(readFileSync(new URL('../fixtures/schedules.json', import.meta.url), 'utf8')) as readonly ({
  readonly seed: number;
  readonly found: string;
} & ScheduleOptions)[];

let beginnings: Beginnings;
beforeAll(async () => {
  beginnings = await makeBeginnings(testEngine);
});

const COUNTED = ['operations', 'packsDeleted', 'rescued', 'snapshots', 'crashes', 'rotations', 'rewritten'] as const;

/** @throws Error with the seed and what was violated */
async function playAll(count: number, options: ScheduleOptions): Promise<Record<(typeof COUNTED)[number], number>> {
  const sum = { operations: 0, packsDeleted: 0, rescued: 0, snapshots: 0, crashes: 0, rotations: 0, rewritten: 0 };
  for (let seed = 0; seed < count; seed++) {
    const played = await playSchedule(beginnings, seed, options).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`seed ${seed}, ${JSON.stringify(options)}: ${reason}`);
    });
    for (const name of COUNTED) sum[name] += played[name];
  }
  console.log(`${count} schedules ${JSON.stringify(options)}: ${JSON.stringify(sum)}, 0 violations`);
  return sum;
}

describe('interleavings', () => {
  const part = SCHEDULES / 20;

  it(`lose nothing in ${SCHEDULES - 2 * part} schedules`, { timeout: 400_000 }, async () => {
    const sum = await playAll(SCHEDULES - 2 * part, { isShort: true });
    // Otherwise nothing was tried.
    expect(sum.packsDeleted).toBeGreaterThan(SCHEDULES);
    expect(sum.rescued).toBeGreaterThan(0);
  });

  it(`lose nothing in ${part} long ones`, { timeout: 300_000 }, async () => {
    const sum = await playAll(part, {});
    expect(sum.packsDeleted).toBeGreaterThan(part);
    expect(sum.rescued).toBeGreaterThan(0);
  });

  it(`lose nothing in ${part} schedules in which keys are rotated`, { timeout: 300_000 }, async () => {
    const sums = [
      await playAll((part * 2) / 5, { isShort: true, rotates: true }),
      await playAll((part * 2) / 5, { isShort: true, rotates: true, content: true }),
      await playAll(part / 5, { rotates: true }),
    ];
    expect(sums.reduce((sum, { rotations }) => sum + rotations, 0)).toBeGreaterThan(part / 2);
  });

  it(`lose nothing in ${part / 5} schedules in which snapshots are made anew`, { timeout: 300_000 }, async () => {
    const sums = [
      await playAll(part / 10, { isShort: true, rewrites: true }),
      await playAll(part / 10, { isShort: true, rewrites: true, rotates: true, content: true }),
    ];
    expect(sums.reduce((sum, { rewritten }) => sum + rewritten, 0)).toBeGreaterThan(part / 20);
  });

  it.each(FOUND)('seed $seed: $found', async ({ seed, found: _, ...options }) => {
    await playSchedule(beginnings, seed, options);
  });
});
