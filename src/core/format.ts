/** Amounts as people read them, and sizes as they write them. */
import { NeoError } from './errors.ts';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `5.6 GiB`: powers of 1024, three digits or fewer before the point. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1023.95 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 ? String(Math.round(value)) : value.toFixed(1);
  return `${digits} ${UNITS[unit]}`;
}

/** `1,234,567` */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 file`, `1,234 files`, `2 directories` with the plural given where it is not an `s` more. */
export function formatCounted(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}

/** `0:07`, `12:34`, `1:02:03`, `3d 04:00` */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return `${days}d ${two(hours % 24)}:${two(minutes % 60)}`;
  if (hours > 0) return `${hours}:${two(minutes % 60)}:${two(seconds % 60)}`;
  return `${minutes}:${two(seconds % 60)}`;
}

/** `2026-11-01 12:00:05` in local time. */
export function formatTime(time: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

const SPAN = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Milliseconds of `1h`, `90m`, `1h30m`, `45s`, `1d`: the greater unit first.
 * @throws NeoError usage
 */
export function parseDuration(text: string): number {
  const match = /^(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/.exec(text.trim());
  const [, days = '0', hours = '0', minutes = '0', seconds = '0'] = match ?? [];
  const span = SPAN.d * Number(days) + SPAN.h * Number(hours) + SPAN.m * Number(minutes) + SPAN.s * Number(seconds);
  if (match !== null && span > 0) return span;
  throw new NeoError('usage', `not a duration: ${JSON.stringify(text)}`, { hint: 'write 1h, 90m, 1h30m or 45s' });
}

/**
 * `500M`, `1.5GiB`, `4096`, `16k`: powers of 1024, with or without `iB` or `B`.
 * @throws NeoError usage
 */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?$/i.exec(text.trim());
  const bytes =
    match === null
      ? Number.NaN
      : Math.round(Number(match[1]) * 1024 ** ' kmgtp'.indexOf((match[2] || ' ').toLowerCase()));
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new NeoError('usage', `not a size: ${JSON.stringify(text)}`, {
    hint: 'write 500M, 1.5GiB or a number of bytes',
  });
}
