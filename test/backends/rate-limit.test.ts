import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimit } from '../../src/backends/rate-limit.ts';

/** Time that passes only while somebody waits; whoever waits least goes on first. */
class Timeline {
  now = 0;
  readonly #waiting: { readonly at: number; readonly go: () => void }[] = [];

  pause = (milliseconds: number): Promise<void> =>
    new Promise((go) => {
      this.#waiting.push({ at: this.now + milliseconds, go });
    });

  /** Until nobody waits any more. */
  async run(): Promise<void> {
    for (;;) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.#waiting.sort((a, b) => a.at - b.at);
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.now = Math.max(this.now, next.at);
      next.go();
    }
  }
}

interface Sent {
  readonly at: number;
  readonly bytes: number;
}

/** Several senders at once, each one piece after the other. */
async function send(rate: () => number | undefined, pieces: readonly (readonly number[])[], time: Timeline) {
  const limit = new RateLimit({ rate, monotonic: () => time.now, pause: time.pause });
  const sent: Sent[] = [];
  const sender = async (own: readonly number[]): Promise<void> => {
    for (const bytes of own) {
      await limit.take(bytes);
      sent.push({ at: time.now, bytes });
    }
  };
  const all = Promise.all(pieces.map(sender));
  await time.run();
  await all;
  return sent;
}

const sum = (sent: readonly Sent[]): number => sent.reduce((total, { bytes }) => total + bytes, 0);

describe('a rate limit', () => {
  it('keeps to it within a tenth over ten seconds, whatever is sent', async () => {
    const piece = fc.integer({ min: 1, max: 250_000 });
    const senders = fc.array(fc.array(piece, { minLength: 1, maxLength: 150 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(senders, async (pieces) => {
        const sent = await send(() => 1_000_000, pieces, new Timeline());
        const end = sent.at(-1)?.at ?? 0;
        for (let from = 0; from + 10_000 <= end; from += 500) {
          const within = sum(sent.filter(({ at }) => at > from && at <= from + 10_000));
          expect(Math.abs(within - 10_000_000)).toBeLessThan(1_000_001);
        }
        // In all, too: what is short is not let through at once.
        expect(end).toBeGreaterThan(sum(sent) / 1000 - 500.01);
        expect(end).toBeLessThanOrEqual(sum(sent) / 1000 + 1);
      }),
    );
  });

  it('saves nothing up while nothing is sent', async () => {
    const time = new Timeline();
    const limit = new RateLimit({ rate: () => 1000, monotonic: () => time.now, pause: time.pause });
    time.now = 3_600_000;
    const both = Promise.all([limit.take(10_000), limit.take(1000)]);
    await time.run();
    await both;
    expect(time.now).toBe(3_600_000 + 10_500);
  });

  it('follows what is said of the time of day', async () => {
    const time = new Timeline();
    const rate = (): number | undefined => (time.now < 5000 ? 1000 : time.now < 8000 ? undefined : 100);
    const sent = await send(rate, [Array.from({ length: 100 }, () => 100)], time);
    expect(sum(sent.filter(({ at }) => at <= 4900))).toBe(5400);
    expect(sent).toHaveLength(100);
    expect(time.now).toBeLessThan(6000);
  });

  it('asks for parts of a quarter of a second, and not of a few bytes', () => {
    const partOf = (rate: number | undefined): number =>
      new RateLimit({ rate: () => rate, monotonic: () => 0, pause: async () => undefined }).part(250_000);
    expect([undefined, 10_000_000, 400_000, 100].map(partOf)).toEqual([250_000, 250_000, 100_000, 4096]);
  });
});
