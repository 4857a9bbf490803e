import { describe, expect, it } from 'vitest';
import { CrashBackend, Crashed, type CrashPlan } from '../../src/backends/crash.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { backendSuite, bytesOf, listed, pattern } from '../support/backend-suite.ts';
import { isCrash, type Script, sweep } from '../support/sim.ts';
import { SimClock } from '../support/sim-clock.ts';

function setUp(plan?: CrashPlan): { inner: MemoryBackend; backend: CrashBackend } {
  const inner = new MemoryBackend(new SimClock());
  return { inner, backend: new CrashBackend(inner, plan) };
}

backendSuite('crash without a plan', async () => ({ backend: setUp().backend, dispose: async () => undefined }));

describe('crash', () => {
  it.each([
    ['before', undefined, undefined],
    ['after', undefined, 100],
    ['torn', 0, 0],
    ['torn', 0.5, 50],
    ['torn', 1, 99],
  ] as const)('%s (kept %s) leaves %s bytes', async (when, kept, left) => {
    const { backend } = setUp({ at: 2, when, ...(kept === undefined ? {} : { kept }) });
    await backend.put('a', bytesOf('a'));
    await expect(backend.put('b', pattern(100))).rejects.toThrow(Crashed);
    expect(backend.crashed).toBe(true);
    const survivors = backend.survivors();
    expect(await survivors.get('a')).toEqual(bytesOf('a'));
    expect(await survivors.get('b')).toEqual(left === undefined ? undefined : pattern(100).slice(0, left));
  });

  it('throws in every later operation, except close', async () => {
    const { inner, backend } = setUp({ at: 1, when: 'before' });
    const calls = [
      () => backend.put('a', bytesOf('a')),
      () => backend.remove('a'),
      () => backend.get('a'),
      () => backend.getRange('a', { offset: 0, length: 1 }),
      () => backend.stat('a'),
      () => backend.now(),
      () => listed(backend),
    ];
    for (const call of calls) await expect(call()).rejects.toThrow(Crashed);
    await expect(backend.put('b', bytesOf('b'))).rejects.toThrow(Crashed);
    expect(await listed(inner)).toEqual([]);
    await backend.close();
  });

  it('lets nothing that was under way survive, nor tells of it', async () => {
    const { backend } = setUp({ at: 2, when: 'after' });
    const results = await Promise.allSettled([backend.put('a', bytesOf('a')), backend.put('b', bytesOf('b'))]);
    const left = (await listed(backend.survivors())).map((info) => info.path);
    const told = ['a', 'b'].filter((_, n) => results[n]?.status === 'fulfilled');
    expect(left).toEqual(expect.arrayContaining(told));
    expect(left).toContain('b');
  });

  it('tears no object that is there already, and removes whole objects', async () => {
    const { inner, backend } = setUp({ at: 1, when: 'torn' });
    await inner.put('a', pattern(10));
    await expect(backend.put('a', pattern(10))).rejects.toThrow(Crashed);
    expect(await backend.survivors().get('a')).toEqual(pattern(10));
    const second = new CrashBackend(inner, { at: 1, when: 'torn' });
    await expect(second.remove('a')).rejects.toThrow(Crashed);
    expect(await second.survivors().get('a')).toBeUndefined();
    expect(await inner.get('a')).toEqual(pattern(10));
  });

  it('is found among causes', () => {
    expect(isCrash(new Error('x', { cause: new Error('y', { cause: new Crashed() }) }))).toBe(true);
    expect(isCrash(new Error('x'))).toBe(false);
  });
});

describe('crash sweep', () => {
  const script: Script<string> = async (run) => {
    for (const path of ['a', 'b', 'c']) {
      await run.backend.put(path, pattern(40));
      run.acknowledge(path);
    }
    await run.backend.remove('a');
  };

  it('plays every operation and moment, and nothing acknowledged is missing', async () => {
    const seen = new Set<string>();
    const result = await sweep<string>(script, async (surviving, acknowledged, { plan }) => {
      const left = (await listed(surviving)).map((info) => `${info.path}${info.size}`);
      seen.add(left.join(' '));
      const removing = plan === undefined || plan.at === 4;
      for (const path of acknowledged) if (!(removing && path === 'a')) expect(left).toContain(`${path}40`);
    });
    // 4 operations × (before, after, torn in 3 ways).
    expect(result).toEqual({ operations: 4, points: 20, unreached: 0 });
    for (const state of ['', 'a0', 'a20', 'a39', 'a40', 'a40 b20', 'a40 b40 c39', 'a40 b40 c40', 'b40 c40']) {
      expect(seen).toContain(state);
    }
  });

  it('names the point where the verdict was bad', async () => {
    const failing = sweep<string>(script, async (surviving) => {
      if ((await surviving.stat('b'))?.size === 20) throw new Error('torn object');
    });
    await expect(failing).rejects.toThrow('after a crash torn mutating operation 2 (kept 0.5): torn object');
  });

  it('plays a sample on request, from a given start', async () => {
    const start = new MemoryBackend(new SimClock());
    await start.put('old', bytesOf('old'));
    const points: number[] = [];
    const result = await sweep<string>(
      script,
      async (surviving, _acknowledged, { plan }) => {
        expect(await surviving.get('old')).toEqual(bytesOf('old'));
        if (plan !== undefined) points.push(plan.at);
      },
      { points: 5, start },
    );
    expect(result.points).toBe(5);
    expect([points[0], points.at(-1)]).toEqual([1, 4]);
    expect((await listed(start)).map((info) => info.path)).toEqual(['old']);
  });

  it('passes on what the script throws by itself', async () => {
    const broken = sweep(
      async () => {
        throw new Error('broken script');
      },
      async () => undefined,
    );
    await expect(broken).rejects.toThrow('broken script');
  });
});
