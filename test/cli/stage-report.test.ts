import { describe, expect, it } from 'vitest';
import { stageLine } from '../../src/cli/stage-report.ts';
import { StageClock } from '../../src/core/stages.ts';

describe('the budget of stages', () => {
  it('sums what each stage took and what went in, and gives the rest to others', async () => {
    let now = 10;
    const clock = new StageClock('worker 1', () => now);
    const spend = (seconds: number): void => {
      now += seconds;
    };
    clock.time('read', 1024, () => spend(1));
    clock.time('read', 1024, () => spend(0.5));
    expect(() =>
      clock.time('hash', 0, () => {
        spend(0.25);
        throw new Error('no');
      }),
    ).toThrow('no');
    await clock.timeLater('write', 4096, async () => spend(2));
    spend(0.25);
    expect(clock.budget()).toMatchObject({
      thread: 'worker 1',
      seconds: 4,
      stages: { read: { seconds: 1.5, bytes: 2048 }, hash: { seconds: 0.25, bytes: 0 }, chunk: { seconds: 0 } },
    });
    expect(stageLine(clock.budget())).toBe(
      'worker 1: 4.00 s: read 1.50 s (2.0 KiB), hash 0.25 s, write 2.00 s (4.0 KiB), other 2.25 s',
    );
  });
});
