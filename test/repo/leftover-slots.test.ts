/** `init` writes a key slot, then the configuration. A crash in between leaves a slot of a repository that never was. */
import { describe, expect, it } from 'vitest';
import { CrashBackend } from '../../src/backends/crash.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimRandom } from '../support/sim-random.ts';
import { checkWorld, initWorld, openWorld, type World } from '../support/sim-repository.ts';
import { testEngine } from '../support/temp-repository.ts';

async function initTwice(when: 'after' | 'torn', at: number): Promise<World[]> {
  const engine = testEngine;
  const clock = new SimClock();
  const worlds: World[] = [];
  for (let seed = 1; seed <= 6; seed++) {
    const dying = new CrashBackend(new MemoryBackend(clock), { at, when });
    await expect(initWorld({ engine, clock, random: new SimRandom(seed), backend: dying })).rejects.toThrow('crash');
    const world = { engine, clock, random: new SimRandom(100 + seed), backend: dying.survivors() };
    await initWorld(world);
    worlds.push(world);
  }
  return worlds;
}

describe('a slot left by an init that died', () => {
  it.each([
    ['after', 1],
    ['torn', 2],
  ] as const)('is passed by (%s operation %i), whatever the order of the slots', async (when, at) => {
    for (const world of await initTwice(when, at)) {
      const repository = await openWorld(world);
      expect(repository.chain.configs).toHaveLength(1);
    }
  });

  it('is no damage', async () => {
    for (const world of await initTwice('after', 1)) {
      expect((await checkWorld(world, new MemoryState())).damages).toEqual([]);
    }
  });
});
