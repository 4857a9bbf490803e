/** Minutes to years of the calendar in this place, and spans of time in them: `2y5m7d3h`. */
import { NeoError } from './errors.ts';

export const PERIODS = ['minutely', 'hourly', 'daily', 'weekly', 'monthly', 'quarterly', 'yearly'] as const;
export type Period = (typeof PERIODS)[number];

export interface CalendarTime {
  readonly year: number;
  /** 0 to 11. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
}

/** In the zone of this process. */
export function calendarTime(milliseconds: number): CalendarTime {
  const date = new Date(milliseconds);
  return {
    year: date.getFullYear(),
    month: date.getMonth(),
    day: date.getDate(),
    hour: date.getHours(),
    minute: date.getMinutes(),
  };
}

/** One text for all times of the same minute, hour …; weeks begin on Monday. */
export function periodOf({ year, month, day, hour, minute }: CalendarTime, period: Period): string {
  switch (period) {
    case 'minutely':
      return [year, month, day, hour, minute].join('-');
    case 'hourly':
      return [year, month, day, hour].join('-');
    case 'daily':
      return [year, month, day].join('-');
    case 'weekly':
      return mondayOf(year, month, day);
    case 'monthly':
      return [year, month].join('-');
    case 'quarterly':
      return [year, Math.floor(month / 3)].join('-');
    case 'yearly':
      return String(year);
  }
}

/** Counted in UTC, where all days have 24 hours. */
function mondayOf(year: number, month: number, day: number): string {
  const date = new Date(Date.UTC(year, month, day));
  date.setUTCDate(day - ((date.getUTCDay() + 6) % 7));
  return date.toISOString().slice(0, 10);
}

export interface Span {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
}

const UNITS: Readonly<Record<string, keyof Span>> = { y: 'years', m: 'months', d: 'days', h: 'hours' };
const DAYS_OF_WEEK = 7;

/** `2y5m7d3h`: years, months, days, hours; weeks (`w`) are seven days. @throws NeoError usage */
export function parseSpan(text: string): Span {
  const span = { years: 0, months: 0, days: 0, hours: 0 };
  if (!/^(?:\d{1,6}[ymwdh])+$/.test(text)) throw notASpan(text);
  for (const [, digits = '', unit = ''] of text.matchAll(/(\d+)([ymwdh])/g)) {
    if (unit === 'w') span.days += Number(digits) * DAYS_OF_WEEK;
    else span[UNITS[unit] ?? 'hours'] += Number(digits);
  }
  if (Object.values(span).some((value) => value > MOST)) throw notASpan(text);
  return span;
}

/** Of each unit: what {@link spanText} writes can be read again. */
const MOST = 999_999;

function notASpan(text: string): NeoError {
  return new NeoError('usage', `'${text}' is no span of time`, {
    hint: 'years, months, weeks, days, hours: 1y6m, 2w, 36h',
  });
}

/** As {@link parseSpan} reads it; `0h` for none. */
export function spanText({ years, months, days, hours }: Span): string {
  const parts = [years > 0 ? `${years}y` : '', months > 0 ? `${months}m` : '', days > 0 ? `${days}d` : ''];
  return `${parts.join('')}${hours > 0 || parts.join('') === '' ? `${hours}h` : ''}`;
}

/** So much before, by the calendar; hours are of sixty minutes each. */
export function earlier(milliseconds: number, span: Span): number {
  return moved(milliseconds, span, -1);
}

/** So much after. */
export function later(milliseconds: number, span: Span): number {
  return moved(milliseconds, span, 1);
}

function moved(milliseconds: number, { years, months, days, hours }: Span, sign: 1 | -1): number {
  const date = new Date(milliseconds);
  date.setFullYear(date.getFullYear() + sign * years, date.getMonth() + sign * months, date.getDate() + sign * days);
  return date.getTime() + sign * hours * 3_600_000;
}
