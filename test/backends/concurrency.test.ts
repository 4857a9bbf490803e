import { describe, expect, it } from 'vitest';
import { AdaptiveConcurrency } from '../../src/backends/concurrency.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { NeoError } from '../../src/core/errors.ts';
import { backendSuite, listed, pattern } from '../support/backend-suite.ts';
import { SimClock } from '../support/sim-clock.ts';
import { unreliable } from '../support/unreliable.ts';

backendSuite('adaptive concurrency', async () => {
  const inner = new MemoryBackend(new SimClock());
  const open = async () => new AdaptiveConcurrency(unreliable(inner), { monotonic: () => performance.now() });
  return {
    backend: unreliable(await open()),
    second: async () => unreliable(await open()),
    dispose: async () => undefined,
  };
});

/** Answers `lanes` operations at a time, each in 10 ms of its own clock; the others queue, or are refused beyond a bound. */
class BusyStorage extends MemoryBackend {
  readonly #lanes: number;
  readonly #bound: number;
  now_ = 0;
  refused = 0;
  most = 0;
  readonly #queue: { readonly since: number; readonly answer: () => void }[] = [];

  constructor(lanes: number, bound = Number.POSITIVE_INFINITY) {
    super(new SimClock());
    this.#lanes = lanes;
    this.#bound = bound;
  }

  override async stat(): Promise<undefined> {
    if (this.#queue.length >= this.#bound) {
      this.refused += 1;
      throw new NeoError('unreachable', 'the storage has no time');
    }
    await new Promise<void>((answer) => {
      this.#queue.push({ since: this.now_, answer });
      this.most = Math.max(this.most, this.#queue.length);
    });
    return undefined;
  }

  /** True while there was something to do. */
  step(): boolean {
    this.now_ += 10;
    const done = this.#queue.splice(0, this.#lanes);
    for (const { answer } of done) answer();
    return done.length > 0;
  }
}

/** `users` ask for something again and again until all is asked for. */
async function drive(storage: BusyStorage, users: number, each: number): Promise<AdaptiveConcurrency> {
  const backend = new AdaptiveConcurrency(storage, { monotonic: () => storage.now_ });
  let running = users;
  const user = async (): Promise<void> => {
    for (let n = 0; n < each; n++) {
      while (
        !(await backend.stat('packs/00/a').then(
          () => true,
          () => false,
        ))
      );
    }
    running -= 1;
  };
  for (let n = 0; n < users; n++) void user();
  while (running > 0) {
    await new Promise(setImmediate);
    storage.step();
  }
  return backend;
}

describe('concurrency', () => {
  it('grows where nothing queues', async () => {
    const storage = new BusyStorage(1000);
    expect((await drive(storage, 200, 50)).limit).toBe(64);
  });

  it('stays near what the storage does at a time', async () => {
    const storage = new BusyStorage(8);
    const { limit } = await drive(storage, 200, 50);
    expect(limit).toBeGreaterThanOrEqual(8);
    expect(limit).toBeLessThanOrEqual(24);
  });

  it('is halved once by a line that breaks, whatever was under way on it', async () => {
    const cut: (() => void)[] = [];
    class Breaking extends MemoryBackend {
      override async stat(): Promise<undefined> {
        await new Promise<void>((go) => cut.push(go));
        throw new NeoError('unreachable', 'the connection broke');
      }
    }
    const backend = new AdaptiveConcurrency(new Breaking(new SimClock()), { monotonic: () => 0 });
    const asked = Array.from({ length: 16 }, () => backend.stat('packs/00/a').catch(() => undefined));
    await new Promise(setImmediate);
    for (const each of cut.splice(0)) each();
    await Promise.all(asked);
    expect(backend.limit).toBe(8);
  });

  it('gives way to a storage that has no time', async () => {
    const storage = new BusyStorage(4, 4);
    await drive(storage, 100, 20);
    // 2,000 were answered; without giving way each of a hundred users is refused at each step.
    expect(storage.refused).toBeLessThan(2000);
  });

  it('lets a list that has begun go on, whoever else waits', async () => {
    class Hanging extends MemoryBackend {
      override stat(): Promise<never> {
        return new Promise(() => undefined);
      }
    }
    const inner = new Hanging(new SimClock());
    for (let n = 0; n < 100; n++) await inner.put(`packs/00/${n}`, pattern(n));
    const backend = new AdaptiveConcurrency(inner, { monotonic: () => 0 });
    let seen = 0;
    for await (const _ of backend.list('packs')) {
      if (seen === 0) for (let n = 0; n < 50; n++) void backend.stat('packs/00/a');
      seen += 1;
    }
    expect(seen).toBe(100);
  });

  it('lets whoever lists ask for each object meanwhile', async () => {
    const inner = new MemoryBackend(new SimClock());
    for (let n = 0; n < 100; n++) await inner.put(`packs/00/${n}`, pattern(n));
    const backend = new AdaptiveConcurrency(inner, { monotonic: () => 0 });
    const read = async (): Promise<number> => {
      let sum = 0;
      for await (const { path } of backend.list('packs')) sum += (await backend.get(path))?.length ?? 0;
      return sum;
    };
    expect(await Promise.all(Array.from({ length: 40 }, read))).toEqual(new Array<number>(40).fill(4950));
    expect(await listed(backend)).toHaveLength(100);
  });
});
