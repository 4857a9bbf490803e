/** What is kept in memory is bounded, whoever stores what. */
import { expect, it } from 'vitest';
import { InTurn, Kept } from '../../src/server/kept.ts';

it('keeps no more than so many bytes, those that were asked for last', () => {
  const kept = new Kept<string>(100);
  for (const key of ['a', 'b', 'c']) kept.set(key, key, 40);
  expect([kept.get('a'), kept.get('b'), kept.get('c')]).toEqual([undefined, 'b', 'c']);
  kept.get('b');
  kept.set('d', 'd', 40);
  expect([kept.get('b'), kept.get('c'), kept.get('d')]).toEqual(['b', undefined, 'd']);
  kept.set('large', 'large', 101);
  expect([kept.get('large'), kept.get('b')]).toEqual([undefined, 'b']);
  kept.set('b', 'again', 60);
  expect([kept.get('b'), kept.get('d')]).toEqual(['again', 'd']);
});

it('lets one work at a time, also after one that failed', async () => {
  const inTurn = new InTurn();
  let [now, most] = [0, 0];
  const work = (fails: boolean) => async () => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setImmediate(resolve));
    now -= 1;
    if (fails) throw new Error('no');
    return 1;
  };
  const done = await Promise.allSettled([false, true, false, true, false].map((fails) => inTurn.run(work(fails))));
  expect(done.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']);
  expect(most).toBe(1);
});
