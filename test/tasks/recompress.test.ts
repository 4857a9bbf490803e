/** Packs written anew at another level: smaller, whole at every moment, and once only. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import type { Clock } from '../../src/core/clock.ts';
import { ignoreEvents } from '../../src/core/events.ts';
import { MemoryState } from '../../src/repo/client-state.ts';
import { check } from '../../src/tasks/check.ts';
import { type PruneOptions, type PruneSummary, prune } from '../../src/tasks/prune.ts';
import { sweep } from '../support/sim.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempFolder } from '../support/temp-repository.ts';
import { noise, TestRepository } from './backup-support.ts';

const OPTIONS: PruneOptions = {
  mostUnused: { bytes: Number.POSITIVE_INFINITY },
  repackSmall: false,
  soleWriter: true,
  wait: false,
  dryRun: false,
  trustClock: false,
  workers: 0,
  compression: 9,
  pause: async () => undefined,
};

class Ground {
  readonly clock = new SimClock(Date.UTC(2025, 5, 1));
  readonly backend = new MemoryBackend(this.clock);
  made!: TestRepository;
  folder = '';

  /** Texts, stored as they are, and noise. */
  static async make(): Promise<Ground> {
    const ground = new Ground();
    ground.made = await TestRepository.make(ground.backend, ground.clock, 1 << 19, 0);
    ground.folder = await tempFolder();
    mkdirSync(join(ground.folder, 'd'));
    for (let n = 0; n < 20; n++) {
      const lines = Array.from({ length: 3000 }, (_, line) => `line ${line} of file ${n} says ${line * n}\n`);
      writeFileSync(join(ground.folder, `d/${n}`), lines.join(''));
    }
    await ground.made.snapshot([ground.folder]);
    writeFileSync(join(ground.folder, 'noise'), noise(700_000, 1));
    await ground.made.snapshot([ground.folder]);
    return ground;
  }

  async repack(
    more: Partial<PruneOptions> = {},
    backend: Backend = this.backend,
    clock: Clock = this.clock,
  ): Promise<PruneSummary> {
    return prune(await this.made.at(backend, clock).open(), new MemoryState(), { ...OPTIONS, ...more }, ignoreEvents);
  }

  async bytes(): Promise<number> {
    let sum = 0;
    for await (const { size } of this.backend.list('packs')) sum += size;
    return sum;
  }

  async demandWhole(backend: Backend = this.backend, clock: Clock = this.clock): Promise<void> {
    const made = this.made.at(backend, clock);
    const files = await made.read();
    for (const name of ['d/0', 'd/19', 'noise']) {
      expect(files.get(join(this.folder, name))?.bytes?.equals(readFileSync(join(this.folder, name)))).toBe(true);
    }
  }
}

describe('neo repack --compression', () => {
  it('makes what is stored smaller, leaves what is not, and finds nothing to do after that', async () => {
    const ground = await Ground.make();
    const before = await ground.bytes();
    const planned = await ground.repack({ dryRun: true });
    expect(await ground.bytes()).toBe(before);
    const done = await ground.repack();
    expect(done.repacked).toEqual(planned.repacked);
    expect(await ground.bytes()).toBeLessThan(before * 0.7);
    expect(await ground.bytes()).toBeGreaterThan(700_000);
    await ground.demandWhole();
    const { damages } = await check(await ground.made.open(), new MemoryState(), { readData: 'all' });
    expect(damages).toEqual([]);
    expect((await ground.repack()).repacked).toEqual({ packs: 0, bytes: 0, written: 0 });
  });

  it('can be done in parts', async () => {
    const ground = await Ground.make();
    const before = await ground.bytes();
    const first = await ground.repack({ mostRepacked: 600_000 });
    expect(first.repacked.bytes).toBeLessThan(600_000);
    const half = await ground.bytes();
    expect(half).toBeLessThan(before);
    for (let n = 0; n < 6; n++) await ground.repack({ mostRepacked: 1_200_000 });
    await ground.repack();
    expect(await ground.bytes()).toBeLessThan(half);
    await ground.demandWhole();
  });

  it('leaves a damaged pack as it is', async () => {
    const ground = await Ground.make();
    const packs: string[] = [];
    for await (const { path, size } of ground.backend.list('packs')) if (size > 300_000) packs.push(path);
    for (const path of packs) {
      const bytes = Buffer.from((await ground.backend.get(path)) ?? []);
      bytes[5000] = (bytes[5000] ?? 0) ^ 1;
      ground.backend.tamper(path, bytes);
    }
    await ground.repack();
    const left = new Set<string>();
    for await (const { path } of ground.backend.list('packs')) left.add(path);
    expect(packs.filter((path) => left.has(path))).toEqual(packs);
  });

  it('is whole whenever it dies, and goes on', async () => {
    const ground = await Ground.make();
    const { points } = await sweep(
      async ({ backend, clock }) => {
        await ground.repack({}, backend, clock);
      },
      async (surviving, _, { clock }) => {
        await ground.demandWhole(surviving, clock);
        await ground.repack({}, surviving, clock);
        await ground.demandWhole(surviving, clock);
      },
      { start: ground.backend, points: 20 },
    );
    expect(points).toBe(20);
  });
});
