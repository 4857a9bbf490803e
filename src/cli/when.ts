/** Points in time as people write them. */
import { NeoError } from '../core/errors.ts';

const ISO =
  /^(?<year>\d{4})-(?<month>\d\d)(?:-(?<day>\d\d)(?:[T ](?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?:[.,](?<fraction>\d{1,9}))?)?\s*(?<zone>Z|[+-]\d\d(?::?\d\d)?)?)?)?$/i;

/** Which moment of a day, or of a month, is meant where no time of day is said. */
export type Edge = 'start' | 'end';

/**
 * By default the moment that "the last snapshot not after" is measured against. ISO dates and times, or plain English: `yesterday`, `3 days ago`,
 * `last monday`, `yesterday 17:00`. Local time unless a zone is written. Where no time of day is said, the END of the
 * day is meant (of the month for `2026-11`) unless `edge` says otherwise, so that `yesterday` includes yesterday evening's snapshot. Weekdays and
 * months are the latest ones that have begun.
 * @throws NeoError usage for anything else; a part that is not understood is not guessed around
 */
export async function parseWhen(text: string, now: Date, edge: Edge = 'end'): Promise<Date> {
  const trimmed = text.trim();
  const iso = ISO.exec(trimmed);
  if (iso?.groups !== undefined) return isoDate(text, iso.groups, edge);
  // 1.11. and 11/1 are read differently in different countries; parts of dates are no dates.
  if (trimmed === '' || /^[\d./\s-]+$/.test(trimmed) || /^\d{4}-\d/.test(trimmed)) throw notATime(text);
  if (/\d[./]\d/.test(trimmed)) throw notATime(text);
  return wordsDate(text, trimmed, now, edge);
}

function notATime(text: string): NeoError {
  return new NeoError('usage', `not a date or time: ${JSON.stringify(text)}`, {
    hint: 'write 2026-11-01, 2026-11-01T12:00, yesterday, "3 days ago" or "last monday"',
  });
}

function isoDate(text: string, groups: { readonly [name: string]: string | undefined }, edge: Edge): Date {
  const number = (name: string, missing: number) => (groups[name] === undefined ? missing : Number(groups[name]));
  const year = number('year', 0);
  const month = number('month', 1);
  const lastDay = new Date(year, month, 0).getDate();
  const [firstOrLast, h, m, s, ms] = edge === 'start' ? [1, 0, 0, 0, 0] : [lastDay, 23, 59, 59, 999];
  const day = number('day', firstOrLast);
  const hour = number('hour', h);
  const minute = number('minute', m);
  const timed = groups['hour'] !== undefined;
  const second = number('second', timed ? 0 : s);
  const fraction = groups['fraction'];
  const milliseconds = timed ? Number((fraction ?? '').slice(0, 3).padEnd(3, '0')) : ms;
  const inRange = month >= 1 && month <= 12 && day >= 1 && day <= lastDay && hour <= 23 && minute <= 59 && second <= 60;
  if (!inRange || year < 1970) throw notATime(text);
  const { zone } = groups;
  if (zone === undefined) return new Date(year, month - 1, day, hour, minute, second, milliseconds);
  const local = Date.UTC(year, month - 1, day, hour, minute, second, milliseconds);
  return new Date(local - zoneOffset(text, zone));
}

/** Milliseconds east of Greenwich. */
function zoneOffset(text: string, zone: string): number {
  if (zone.toUpperCase() === 'Z') return 0;
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  const hours = Number(digits.slice(0, 2));
  const minutes = Number(digits.slice(2));
  if (hours > 14 || minutes > 59) throw notATime(text);
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

async function wordsDate(text: string, trimmed: string, now: Date, edge: Edge): Promise<Date> {
  const { casual } = await import('chrono-node/en');
  const found = casual.parse(trimmed, now);
  const [result] = found;
  // Half understood is not understood: "banana yesterday", or a range.
  if (result === undefined || found.length > 1 || result.text.length !== trimmed.length || result.end) {
    throw notATime(text);
  }
  const { start } = result;
  const date = start.date();
  if (start.isCertain('hour')) return date;
  // "evening" has no end that all would agree on.
  if (/morning|afternoon|evening|night/i.test(trimmed)) throw notATime(text);
  if (start.isCertain('weekday') && !start.isCertain('day') && date > now) date.setDate(date.getDate() - 7);
  const isMonth = /^[a-z]+\.?( \d{4})?$/i.test(trimmed) && start.isCertain('month') && !start.isCertain('day');
  if (isMonth && date > now && !start.isCertain('year')) date.setFullYear(date.getFullYear() - 1);
  return edgeOf(date, isMonth, edge);
}

function edgeOf(date: Date, isMonth: boolean, edge: Edge): Date {
  const [year, month, day] = [date.getFullYear(), date.getMonth(), date.getDate()];
  if (edge === 'start') return new Date(year, month, isMonth ? 1 : day);
  return isMonth ? new Date(year, month + 1, 0, 23, 59, 59, 999) : new Date(year, month, day, 23, 59, 59, 999);
}
