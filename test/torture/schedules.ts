/** Interleavings by seed, a thousand a case: what is found goes to test/fixtures/schedules.json. */
import { loadEngine } from '../../src/engine/load.ts';
import { makeBeginnings } from '../support/schedule/base.ts';
import { playSchedule } from '../support/schedule/play.ts';
import type { Campaign } from './campaign.ts';

const A_CASE = 1000;

export async function schedulesCampaign(seed: number): Promise<Campaign> {
  const beginnings = await makeBeginnings(await loadEngine());
  return {
    name: 'schedules',
    cases: 1000,
    async run(number) {
      const sum: Record<string, number> = { schedules: A_CASE };
      for (let n = 0; n < A_CASE; n++) {
        const own = (seed - 1) * 1_000_000 + number * A_CASE + n;
        // Those that rewrite cost ten times as much.
        const rewrites = own % 100 < 2;
        const options = { isShort: own % 10 !== 0, rotates: own % 4 === 3, content: own % 8 === 7, rewrites };
        const played = await playSchedule(beginnings, own, options).catch((error: unknown) => {
          const reason = error instanceof Error ? error.message : String(error);
          throw new Error(`schedule ${own} ${JSON.stringify(options)}: ${reason}`);
        });
        for (const [name, value] of Object.entries(played)) sum[name] = (sum[name] ?? 0) + value;
      }
      return sum;
    },
  };
}
