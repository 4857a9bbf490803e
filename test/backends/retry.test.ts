import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FaultBackend, type FaultPlan } from '../../src/backends/fault.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { type Retry, RetryBackend } from '../../src/backends/retry.ts';
import { NeoError } from '../../src/core/errors.ts';
import { backendSuite, bytesOf, listed } from '../support/backend-suite.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimRandom } from '../support/sim-random.ts';

const MINUTE = 60_000;

function setUp(plan: FaultPlan, { seed = 1, retryFor = 15 * MINUTE, firstContact = Number.POSITIVE_INFINITY } = {}) {
  const clock = new SimClock(0);
  const inner = new MemoryBackend(clock);
  const faults = new FaultBackend(inner, plan, new SimRandom(seed));
  const retries: Retry[] = [];
  const backend = new RetryBackend(faults, {
    retryFor,
    firstContact,
    monotonic: () => clock.now(),
    random: new SimRandom(seed + 1),
    pause: async (milliseconds) => clock.advance(milliseconds),
    onRetry: (retry) => void retries.push(retry),
  });
  return { clock, inner, faults, backend, retries };
}

backendSuite('retries over memory that fails half of the time, before the effect and after it', async () => ({
  backend: setUp({
    rules: [
      { fault: 'error-before', chance: 0.3 },
      { fault: 'error-after', chance: 0.3 },
    ],
  }).backend,
  dispose: async () => undefined,
}));

describe('trying again', () => {
  it('stores each object once and reads each exactly, whatever fails', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1e6 }), async (seed) => {
        const rules = (['error-before', 'error-after', 'duplicate'] as const).map((fault) => ({ fault, chance: 0.3 }));
        const { backend, inner } = setUp({ rules }, { seed });
        const paths = Array.from({ length: 20 }, (_, n) => `packs/0${n % 3}/${n}`);
        await Promise.all(paths.map((path) => backend.put(path, bytesOf(path))));
        expect((await listed(backend)).map(({ path }) => path)).toEqual([...paths].sort());
        const [gone, ...kept] = paths;
        await backend.remove(gone ?? '');
        expect((await listed(inner)).map(({ path }) => path)).toEqual([...kept].sort());
        for (const path of kept) expect(await backend.get(path)).toEqual(bytesOf(path));
        const target = new Uint8Array(3);
        expect(await backend.getInto(kept[0] ?? '', 1, target)).toBe(true);
        expect(target).toEqual(bytesOf(kept[0] ?? '').slice(1, 4));
      }),
    );
  });

  it('ends at once when somebody interrupts, also in the middle of a pause', async () => {
    const stop = new AbortController();
    const reason = new NeoError('interrupted', 'interrupted');
    const clock = new SimClock(0);
    const down = new FaultBackend(
      new MemoryBackend(clock),
      { rules: [{ fault: 'error-before', chance: 1 }] },
      new SimRandom(1),
    );
    let pauses = 0;
    const backend = new RetryBackend(down, {
      retryFor: 15 * MINUTE,
      monotonic: () => clock.now(),
      random: new SimRandom(2),
      interrupted: stop.signal,
      // A pause that only a signal ends.
      pause: (_, signal) => {
        pauses += 1;
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      },
    });
    const waiting = backend.get('a');
    queueMicrotask(() => setImmediate(() => stop.abort(reason)));
    await expect(waiting).rejects.toBe(reason);
    await expect(backend.stat('a')).rejects.toBe(reason);
    expect(pauses).toBe(1);
  });

  it.each(['no-space', 'permission-denied', 'quota-exceeded', 'integrity', 'failed'] as const)(
    'does not hide %s behind a pause',
    async (code) => {
      const { backend, retries, clock } = setUp({ rules: [{ fault: 'error-before', code }] });
      await expect(backend.put('a', bytesOf('a'))).rejects.toMatchObject({ code });
      await expect(listed(backend)).rejects.toMatchObject({ code });
      expect([retries, clock.now()]).toEqual([[], 0]);
    },
  );

  it('does not try again what only the user can mend', async () => {
    const { clock } = setUp({});
    const inner = new MemoryBackend(clock);
    inner.get = async () => {
      throw new NeoError('unreachable', 'the host key is another one', { isPermanent: true });
    };
    const pause = async () => Promise.reject(new Error('paused'));
    const options = { retryFor: MINUTE, monotonic: () => 0, random: new SimRandom(1), pause };
    await expect(new RetryBackend(inner, options).get('a')).rejects.toThrow('host key');
  });

  it('gives up in time, and says why', async () => {
    const { backend, retries, clock } = setUp({ rules: [{ fault: 'error-before' }] });
    await expect(backend.get('a')).rejects.toMatchObject({ code: 'unreachable' });
    expect(clock.now()).toBeGreaterThanOrEqual(15 * MINUTE);
    expect(clock.now()).toBeLessThan(15.6 * MINUTE);
    expect(retries.map(({ attempt }) => attempt)).toEqual(retries.map((_, n) => n + 1));
    expect(retries[0]?.message).toContain('simulated');
    for (const { attempt, pause } of retries) expect(pause).toBeLessThanOrEqual(Math.min(30_000, 250 * 2 ** attempt));
    // Not thousands of them, and not a handful.
    expect(retries.length).toBeGreaterThan(30);
    expect(retries.length).toBeLessThan(200);
  });

  it('soon gives up what never answered at all, where that is asked for', async () => {
    const plan: { rules: { fault: 'error-before'; chance: number }[] } = {
      rules: [{ fault: 'error-before', chance: 1 }],
    };
    const { backend, clock } = setUp(plan, { firstContact: MINUTE });
    await expect(backend.now()).rejects.toMatchObject({ code: 'unreachable' });
    expect(clock.now()).toBeLessThan(2 * MINUTE);
    plan.rules = [];
    await backend.now();
    plan.rules = [{ fault: 'error-before', chance: 1 }];
    await expect(backend.now()).rejects.toMatchObject({ code: 'unreachable' });
    expect(clock.now()).toBeGreaterThan(15 * MINUTE);
  });

  it('gives up at once what was silent for as long as it would wait', async () => {
    const clock = new SimClock();
    let asked = 0;
    class Silent extends MemoryBackend {
      override async now(): Promise<number> {
        asked += 1;
        clock.advance(MINUTE);
        throw new NeoError('unreachable', 'timed out');
      }
    }
    const backend = new RetryBackend(new Silent(clock), {
      retryFor: 15 * MINUTE,
      firstContact: 3000,
      monotonic: () => clock.now(),
      random: new SimRandom(1),
      pause: async (milliseconds) => clock.advance(milliseconds),
    });
    await expect(backend.now()).rejects.toMatchObject({ code: 'unreachable' });
    expect(asked).toBe(1);
  });

  it('does not wait longer and longer while others are answered', async () => {
    const { faults, clock } = setUp({ rules: [{ fault: 'error-before', under: 'large' }] });
    const pauses: number[] = [];
    const backend: RetryBackend = new RetryBackend(faults, {
      retryFor: MINUTE,
      monotonic: () => clock.now(),
      random: new SimRandom(7),
      pause: async (milliseconds) => {
        pauses.push(milliseconds);
        clock.advance(milliseconds);
        await backend.stat('small');
      },
    });
    await expect(backend.get('large')).rejects.toMatchObject({ code: 'unreachable' });
    expect(pauses.length).toBeGreaterThan(100);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(500);
  });

  it('lets nobody wait for what is there again', async () => {
    const { faults } = setUp({ rules: [{ fault: 'error-before', at: 1 }] });
    const paused = Promise.withResolvers<void>();
    const backend = new RetryBackend(faults, {
      retryFor: MINUTE,
      monotonic: () => 0,
      random: new SimRandom(7),
      pause: (_, signal) => {
        paused.resolve();
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      },
    });
    const first = backend.put('a', bytesOf('a'));
    await paused.promise;
    await backend.stat('b');
    await first;
    expect((await listed(faults)).map(({ path }) => path)).toEqual(['a']);
  });

  it('tries nothing again where none is wanted', async () => {
    const { backend, faults } = setUp({ rules: [{ fault: 'error-before' }] }, { retryFor: 0 });
    await expect(backend.get('a')).rejects.toMatchObject({ code: 'unreachable' });
    expect(faults.log).toHaveLength(1);
  });
});
