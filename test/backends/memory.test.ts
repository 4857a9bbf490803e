import { describe, expect, it } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { backendSuite, bytesOf, listed } from '../support/backend-suite.ts';
import { SimClock } from '../support/sim-clock.ts';

backendSuite('memory', async () => ({
  backend: new MemoryBackend(new SimClock()),
  dispose: async () => undefined,
}));

describe('memory', () => {
  it('takes times from its clock', async () => {
    const clock = new SimClock(1000);
    const backend = new MemoryBackend(clock);
    await backend.put('a', bytesOf('a'));
    clock.advance(500);
    expect(await backend.stat('a')).toEqual({ path: 'a', size: 1, modified: 1000 });
    expect(await backend.now()).toBe(1500);
  });

  it('clones a moment', async () => {
    const backend = new MemoryBackend(new SimClock());
    await backend.put('a', bytesOf('a'));
    const clone = backend.clone();
    await backend.remove('a');
    await clone.put('b', bytesOf('b'));
    expect((await listed(clone)).map((info) => info.path)).toEqual(['a', 'b']);
    expect(await listed(backend)).toEqual([]);
  });

  it('skips what vanishes while it lists', async () => {
    const backend = new MemoryBackend(new SimClock());
    for (const path of ['a', 'b', 'c']) await backend.put(path, bytesOf(path));
    const seen: string[] = [];
    for await (const info of backend.list('')) {
      seen.push(info.path);
      await backend.remove('b');
    }
    expect(seen).toEqual(['a', 'c']);
  });
});

it('what was stored does not change with the buffer that it came from', async () => {
  const backend = new MemoryBackend(new SimClock());
  const given = Buffer.from('before');
  await backend.put('packs/a', given);
  given.fill(0);
  expect(Buffer.from((await backend.get('packs/a')) ?? []).toString()).toBe('before');
});
