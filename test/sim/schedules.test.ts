/** Writers, pruners, forgetters and a thief at once: here a part of the schedules, all of them in `npm run torture`. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Beginnings, makeBeginnings } from '../support/schedule/base.ts';
import { playSchedule } from '../support/schedule/play.ts';
import { testEngine } from '../support/temp-repository.ts';

const SCHEDULES = Number(process.env['NEO_SCHEDULES'] ?? 500);
/** Seeds that once found something, and what. */
const FOUND = JSON.parse(readFileSync(new URL('../fixtures/schedules.json', import.meta.url), 'utf8')) as readonly {
  readonly seed: number;
  readonly rotates?: boolean;
  readonly found: string;
}[];

let beginnings: Beginnings;
beforeAll(async () => {
  beginnings = await makeBeginnings(testEngine);
});

describe('interleavings', () => {
  it(`lose nothing in ${SCHEDULES} schedules`, { timeout: 300_000 }, async () => {
    const sum = { operations: 0, packsDeleted: 0, rescued: 0, snapshots: 0, crashes: 0 };
    for (let seed = 0; seed < SCHEDULES; seed++) {
      const played = await playSchedule(beginnings, seed).catch((error: unknown) => {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
      });
      for (const name of ['operations', 'packsDeleted', 'rescued', 'snapshots', 'crashes'] as const) {
        sum[name] += played[name];
      }
    }
    console.log(`schedules: ${SCHEDULES} (seeds 0 to ${SCHEDULES - 1}), ${JSON.stringify(sum)}, 0 violations`);
    // Otherwise nothing was tried.
    expect(sum.packsDeleted).toBeGreaterThan(SCHEDULES);
    expect(sum.rescued).toBeGreaterThan(0);
  });

  it(`lose nothing in ${SCHEDULES / 5} schedules in which keys are rotated`, { timeout: 300_000 }, async () => {
    let rotations = 0;
    for (let seed = 0; seed < SCHEDULES / 5; seed++) {
      const played = await playSchedule(beginnings, seed, { rotates: true }).catch((error: unknown) => {
        throw new Error(`seed ${seed}, rotating: ${error instanceof Error ? error.message : String(error)}`);
      });
      rotations += played.rotations;
    }
    expect(rotations).toBeGreaterThan(SCHEDULES / 10);
  });

  it.each(FOUND)('seed $seed: $found', async ({ seed, rotates = false }) => {
    await playSchedule(beginnings, seed, { rotates });
  });
});
