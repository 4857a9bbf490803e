import { describe, expect, it } from 'vitest';
import { FaultBackend, type FaultPlan, type Operation } from '../../src/backends/fault.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { backendSuite, bytesOf, listed, pattern } from '../support/backend-suite.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimRandom } from '../support/sim-random.ts';

function setUp(plan: FaultPlan, seed = 1): { inner: MemoryBackend; backend: FaultBackend } {
  const inner = new MemoryBackend(new SimClock(0));
  return { inner, backend: new FaultBackend(inner, plan, new SimRandom(seed)) };
}

const paths = async (backend: MemoryBackend | FaultBackend): Promise<string[]> =>
  (await listed(backend)).map((info) => info.path);

backendSuite('faults without rules over memory', async () => ({
  backend: setUp({}).backend,
  dispose: async () => undefined,
}));

describe('faults', () => {
  it('errors before the effect, or after it', async () => {
    const { inner, backend } = setUp({
      rules: [
        { fault: 'error-before', at: 1 },
        { fault: 'error-after', at: 2, code: 'failed' },
      ],
    });
    await expect(backend.put('a', bytesOf('a'))).rejects.toMatchObject({ code: 'unreachable' });
    expect(await paths(inner)).toEqual([]);
    await expect(backend.put('a', bytesOf('a'))).rejects.toMatchObject({ code: 'failed' });
    expect(await paths(inner)).toEqual(['a']);
    await backend.put('a', bytesOf('a'));
  });

  it('strikes every kind of operation', async () => {
    const { backend } = setUp({ rules: [{ fault: 'error-before' }] });
    const calls = [
      backend.put('a', bytesOf('a')),
      backend.get('a'),
      backend.getRange('a', { offset: 0, length: 1 }),
      backend.stat('a'),
      backend.remove('a'),
      backend.now(),
      listed(backend),
    ];
    for (const result of await Promise.allSettled(calls)) expect(result.status).toBe('rejected');
    expect(backend.log.map((operation) => operation.kind)).toHaveLength(7);
  });

  it('tears a write: a strict prefix stays, and no existing object is touched', async () => {
    const { inner, backend } = setUp({ rules: [{ fault: 'torn', under: 'torn' }] });
    const bytes = pattern(1000);
    await expect(backend.put('torn', bytes)).rejects.toMatchObject({ code: 'unreachable' });
    const left = (await inner.get('torn')) ?? new Uint8Array(0);
    expect(left.length).toBeLessThan(1000);
    expect(left).toEqual(bytes.slice(0, left.length));
    await inner.put('torn2', bytes);
    await expect(backend.put('torn2', bytes)).rejects.toMatchObject({ code: 'unreachable' });
    expect(await inner.get('torn2')).toEqual(bytes);
  });

  it('loses acknowledged writes in a crash only', async () => {
    const { inner, backend } = setUp({ rules: [{ fault: 'lost', under: 'lost' }] });
    await backend.put('lost', bytesOf('x'));
    await backend.put('kept', bytesOf('y'));
    expect(await paths(backend)).toEqual(['kept', 'lost']);
    await backend.crash();
    expect(await paths(inner)).toEqual(['kept']);
  });

  it('delays listings, while direct reads see the object', async () => {
    const { backend } = setUp({ rules: [{ fault: 'unlisted', delay: 3 }] });
    await backend.put('a', bytesOf('a'));
    expect(await paths(backend)).toEqual([]);
    expect(await backend.get('a')).toEqual(bytesOf('a'));
    expect(await backend.stat('a')).toMatchObject({ size: 1 });
    expect(await paths(backend)).toEqual(['a']);
  });

  it('serves stale reads: a new object is unknown, a removed one still there', async () => {
    const { backend } = setUp({ rules: [{ fault: 'stale', delay: 4 }] });
    await backend.put('a', bytesOf('a'));
    expect(await backend.get('a')).toBeUndefined();
    expect(await backend.stat('a')).toBeUndefined();
    expect(await backend.getRange('a', { offset: 0, length: 1 })).toBeUndefined();
    expect(await paths(backend)).toEqual([]);
    expect(await backend.get('a')).toEqual(bytesOf('a'));
    await backend.remove('a');
    expect(await backend.get('a')).toEqual(bytesOf('a'));
    expect(await paths(backend)).toEqual(['a']);
    expect(await backend.stat('a')).toMatchObject({ size: 1 });
    expect(await backend.getRange('a', { offset: 0, length: 1 })).toEqual(bytesOf('a'));
    expect(await backend.get('a')).toBeUndefined();
    expect(await paths(backend)).toEqual([]);
  });

  it('repeats operations without harm, and names twice in a listing', async () => {
    const { backend } = setUp({ rules: [{ fault: 'duplicate' }] });
    await backend.put('a', bytesOf('a'));
    expect(await paths(backend)).toEqual(['a', 'a']);
    await backend.remove('a');
    expect(await paths(backend)).toEqual([]);
  });

  it('flips exactly one bit of what is read, not of what is stored', async () => {
    const { inner, backend } = setUp({ rules: [{ fault: 'flip' }] });
    const bytes = pattern(500);
    await backend.put('a', bytes);
    const got = (await backend.get('a')) ?? new Uint8Array(0);
    const wrong = got.reduce(
      (sum, byte, n) => sum + (byte ^ (bytes[n] ?? 0)).toString(2).replaceAll('0', '').length,
      0,
    );
    expect(wrong).toBe(1);
    expect(await inner.get('a')).toEqual(bytes);
  });

  it('cuts off the end of what is read', async () => {
    const { backend } = setUp({ rules: [{ fault: 'truncate' }] });
    const bytes = pattern(500);
    await backend.put('a', bytes);
    const got = (await backend.getRange('a', { offset: 10, length: 100 })) ?? bytes;
    expect(got.length).toBeLessThan(100);
    expect(got).toEqual(bytes.slice(10, 10 + got.length));
  });

  it.each([
    ['space', 'no-space'],
    ['quota', 'quota-exceeded'],
  ])('counts bytes against %s', async (limit, code) => {
    const { inner, backend } = setUp({ [limit]: 100 });
    await backend.put('a', pattern(60));
    await backend.put('a', pattern(60));
    await expect(backend.put('b', pattern(41))).rejects.toMatchObject({ code });
    expect(await paths(inner)).toEqual(['a']);
    await backend.remove('a');
    await backend.put('b', pattern(100));
  });

  it('refuses removals in append-only storage', async () => {
    const { inner, backend } = setUp({ appendOnly: true });
    await backend.put('a', bytesOf('a'));
    await expect(backend.remove('a')).rejects.toMatchObject({ code: 'permission-denied' });
    await expect(backend.put('a', bytesOf('b'))).rejects.toMatchObject({ code: 'integrity' });
    await backend.remove('absent');
    expect(await paths(inner)).toEqual(['a']);
  });

  it('bends the clock', async () => {
    const { backend } = setUp({ clockSkew: 3_600_000 });
    await backend.put('a', bytesOf('a'));
    expect(await backend.now()).toBe(3_600_000);
    expect((await backend.stat('a'))?.modified).toBe(3_600_000);
    expect((await listed(backend))[0]?.modified).toBe(3_600_000);
  });

  it('logs each operation and lets a scheduler hold it', async () => {
    const held: Operation[] = [];
    const { backend } = setUp({
      pause: async (operation) => {
        held.push(operation);
      },
    });
    await backend.put('a', pattern(7));
    await backend.getRange('a', { offset: 1, length: 2 });
    await listed(backend, 'packs');
    expect(backend.log).toEqual([
      { number: 1, kind: 'put', path: 'a', bytes: 7 },
      { number: 2, kind: 'getRange', path: 'a', bytes: 2 },
      { number: 3, kind: 'list', path: 'packs', bytes: 0 },
    ]);
    expect(held).toEqual(backend.log);
  });

  it('draws the same faults from the same seed, and about as many as asked for', async () => {
    const strike = async (seed: number): Promise<number[]> => {
      const { backend } = setUp({ rules: [{ fault: 'error-before', chance: 0.25 }] }, seed);
      const results = await Promise.allSettled(
        Array.from({ length: 400 }, (_, n) => backend.put(`o${n}`, bytesOf('x'))),
      );
      return results.flatMap((result, n) => (result.status === 'rejected' ? [n] : []));
    };
    const first = await strike(7);
    expect(await strike(7)).toEqual(first);
    expect(await strike(8)).not.toEqual(first);
    expect(first.length).toBeGreaterThan(60);
    expect(first.length).toBeLessThan(140);
  });
});
