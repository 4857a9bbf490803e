/**
 * kill -9 of `neo serve` at random moments, its first second and twice in a row among them, while clients save, forget, prune, make and
 * revoke what lets in. A case is a while of that; then everything that was acknowledged has to be there, and nothing else counted.
 */
import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SimRandom } from '../support/sim-random.ts';
import type { Campaign } from './campaign.ts';
import * as clients from './serve-clients.ts';
import { keeper, tryPasses } from './serve-keeper.ts';
import type { ServedStore } from './serve-store.ts';
import { verdict } from './serve-verdict.ts';
import { World } from './serve-world.ts';

export interface Amounts {
  readonly cases: number;
  /** Of kills, in a case. */
  readonly milliseconds: number;
}

export const FULL: Amounts = { cases: 40, milliseconds: 25_000 };
/** Cases of one server; then it is begun anew. */
const CYCLE = 8;

/** @param fresh where objects lie, of a server that is begun anew; without it in its data folder */
export function serveKillCampaign(
  folder: string,
  seed: number,
  amounts: Amounts,
  fresh?: () => Promise<ServedStore>,
): Required<Campaign> {
  let world: World | undefined;
  const stop = async (): Promise<void> => {
    await world?.served.stop();
    world = undefined;
  };
  return {
    name: 'serve',
    cases: amounts.cases,
    stop,
    async run(number) {
      const random = new SimRandom(seed * 100_003 + number);
      try {
        if (world === undefined || number % CYCLE === 0) {
          await stop();
          world = new World(join(folder, 'serve'), random, await fresh?.());
          await world.begin();
        }
        return await round(world, random, amounts.milliseconds);
      } catch (error) {
        const failed = join(folder, `serve-failed-${number}`);
        await stop();
        rmSync(failed, { recursive: true, force: true });
        renameSync(join(folder, 'serve'), failed);
        throw error;
      }
    },
  };
}

async function round(world: World, random: SimRandom, milliseconds: number): Promise<Readonly<Record<string, number>>> {
  const { served, counts, faults } = world;
  const before = { ...counts, ...served.counts };
  await disturb(world, random, milliseconds);
  await settle(world, random);
  await verdict(world);
  const all = [...served.faults, ...faults];
  if (all.length > 0) throw new Error(`${all.length} faults; ${all.slice(0, 4).join('\n')}`);
  const after = { ...counts, ...served.counts };
  const names = Object.keys(after) as (keyof typeof after)[];
  return Object.fromEntries(names.map((name) => [name, after[name] - before[name]]));
}

/** Ends when all clients are done, with a server that runs. */
async function disturb(world: World, random: SimRandom, milliseconds: number): Promise<void> {
  const end = Date.now() + milliseconds;
  const isOver = (): boolean => Date.now() >= end;
  const { ann, annToo, laptop, bob } = clients;
  const loops = [ann, annToo, laptop, bob, keeper].map((each) => each(world, isOver));
  // Nobody is left behind who would go on in the next case.
  for (const done of await Promise.allSettled([...loops, strikes(world, random, isOver)])) {
    if (done.status === 'rejected') throw done.reason;
  }
}

async function strikes(world: World, random: SimRandom, isOver: clients.Until): Promise<void> {
  const { served } = world;
  while (!isOver()) {
    await pause(200 + random.below(4_000));
    await served.kill();
    const kind = random.below(8);
    if (kind === 0) await pause(random.below(2_000));
    // In a row, none of which may come to its end.
    for (let n = 5; n < kind; n++) await served.startAndKill(random.below(1_000));
    await served.start();
    await tryPasses(world, false);
  }
}

/** Counts are those of a server that ran, that was killed in peace, or that ended in good order. */
async function settle(world: World, random: SimRandom): Promise<void> {
  const { served } = world;
  const way = random.below(3);
  if (way === 0) return;
  if (way === 1) await served.stop();
  else await served.kill();
  await served.start();
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
