/** `--limit-upload 1M` and `--limit-download "500k@08:00-18:00,5M"`: bytes a second, by the time of day. */
import { setTimeout as later } from 'node:timers/promises';
import { RateLimit } from '../backends/rate-limit.ts';
import { systemClock } from '../core/clock.ts';
import { NeoError } from '../core/errors.ts';
import { parseSize } from '../core/format.ts';

interface Rule {
  /** Bytes a second; undefined: no limit. */
  readonly rate: number | undefined;
  /** Minutes of the day, the first and the one after the last; through midnight where the first is the greater. */
  readonly hours: readonly [from: number, to: number] | undefined;
}

const HINT = 'write 1M, or by the time of day "500k@08:00-18:00,5M"; 0 is no limit';

/** @throws NeoError usage */
export function rateLimit(text: string): RateLimit {
  const rules = text.split(',').map(parseRule);
  return new RateLimit({
    rate: () => rateAt(rules, new Date()),
    monotonic: systemClock.monotonic,
    pause: async (milliseconds) => later(milliseconds),
  });
}

/** The first rule whose hours it is; without one there is no limit. */
export function rateAt(rules: readonly Rule[], time: Date): number | undefined {
  const minute = time.getHours() * 60 + time.getMinutes();
  return rules.find(({ hours }) => hours === undefined || isWithin(minute, hours))?.rate;
}

function isWithin(minute: number, [from, to]: readonly [number, number]): boolean {
  return from <= to ? from <= minute && minute < to : from <= minute || minute < to;
}

/** @throws NeoError usage */
export function parseRule(text: string): Rule {
  const [size = '', hours, ...more] = text.trim().split('@');
  if (more.length > 0) throw new NeoError('usage', `not a limit: ${JSON.stringify(text)}`, { hint: HINT });
  const rate = parseSize(size.replace(/\/s$/, ''));
  return { rate: rate === 0 ? undefined : rate, hours: hours === undefined ? undefined : parseHours(hours) };
}

function parseHours(text: string): [number, number] {
  const match = /^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$/.exec(text.trim());
  const [h1 = 99, m1 = 99, h2 = 99, m2 = 99] = (match ?? []).slice(1).map(Number);
  const isTime = (hour: number, minute: number): boolean => hour * 60 + minute <= 24 * 60 && minute < 60;
  if (match === null || !isTime(h1, m1) || !isTime(h2, m2)) {
    throw new NeoError('usage', `not hours of the day: ${JSON.stringify(text)}`, { hint: HINT });
  }
  return [h1 * 60 + m1, h2 * 60 + m2];
}
