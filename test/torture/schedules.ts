/** Interleavings by seed, a thousand a case, on all cores: what is found goes to test/fixtures/schedules.json. */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Campaign } from './campaign.ts';
import type { Part, PartPlayed } from './schedules-thread.ts';

const A_CASE = 1000;

export function schedulesCampaign(seed: number): Campaign {
  const threads = Array.from({ length: availableParallelism() }, startThread);
  return {
    name: 'schedules',
    cases: 1000,
    async run(number) {
      const first = (seed - 1) * 1_000_000 + number * A_CASE;
      const parts = threads.map((thread, at) =>
        play(thread, { from: first + at, below: first + A_CASE, step: threads.length }),
      );
      const sum: Record<string, number> = { schedules: A_CASE };
      for (const { figures, violation } of await Promise.all(parts)) {
        if (violation !== undefined) throw new Error(violation);
        for (const [name, value] of Object.entries(figures)) sum[name] = (sum[name] ?? 0) + value;
      }
      return sum;
    },
  };
}

/** It keeps nobody waiting at the end. */
function startThread(): Worker {
  const thread = new Worker(new URL('./schedules-thread.ts', import.meta.url));
  thread.unref();
  return thread;
}

async function play(thread: Worker, part: Part): Promise<PartPlayed> {
  thread.ref();
  thread.postMessage(part);
  const [played] = (await once(thread, 'message')) as [PartPlayed];
  thread.unref();
  return played;
}
