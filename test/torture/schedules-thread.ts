/** Plays the schedules that it is told to, one after the other. */
import { parentPort } from 'node:worker_threads';
import { loadEngine } from '../../src/engine/load.ts';
import { makeBeginnings } from '../support/schedule/base.ts';
import { playSchedule } from '../support/schedule/play.ts';

/** Numbers of schedules. */
export interface Part {
  readonly from: number;
  readonly below: number;
  readonly step: number;
}

export interface PartPlayed {
  readonly figures: Readonly<Record<string, number>>;
  /** The first, after which none was played. */
  readonly violation?: string;
}

const beginnings = loadEngine().then((engine) => makeBeginnings(engine));

async function playPart({ from, below, step }: Part): Promise<PartPlayed> {
  const sum: Record<string, number> = {};
  for (let seed = from; seed < below; seed += step) {
    const options = optionsOf(seed);
    try {
      const played = await playSchedule(await beginnings, seed, options);
      for (const [name, value] of Object.entries(played)) sum[name] = (sum[name] ?? 0) + value;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { figures: sum, violation: `schedule ${seed} ${JSON.stringify(options)}: ${reason}` };
    }
  }
  return { figures: sum };
}

/** Of a hundred: ten long ones, twenty-five that rotate keys, two that rewrite. */
function optionsOf(seed: number): { isShort: boolean; rotates: boolean; content: boolean; rewrites: boolean } {
  return { isShort: seed % 10 !== 0, rotates: seed % 4 === 3, content: seed % 8 === 7, rewrites: seed % 100 < 2 };
}

parentPort?.on('message', async (part: Part) => {
  parentPort?.postMessage(await playPart(part));
});
