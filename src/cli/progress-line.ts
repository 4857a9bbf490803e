/** One line of progress, as wide as the terminal allows. A pure function. */
import type { Progress } from '../core/events.ts';
import { formatBytes, formatCount, formatDuration } from '../core/format.ts';
import { displayWidth, fitWidth, safeText } from './table.ts';

const BAR = 20;
/** A narrower terminal gets the percentage alone, so that the current item finds room. */
const BAR_FROM = 110;
/** Below this the current item is not worth its room. */
const SHORTEST_ITEM = 10;

/** @param rate bytes a second, when known */
export function progressLine(phase: string, progress: Progress, rate: number | undefined, columns: number): string {
  const fraction = done(progress);
  const parts = [
    phase,
    ...(fraction === undefined ? [] : [share(fraction, columns)]),
    `${amount(progress.files, progress.totalFiles, formatCount)} ${(progress.totalFiles ?? progress.files) === 1 ? 'file' : 'files'}`,
    amount(progress.bytes, progress.totalBytes, formatBytes),
    ...(rate === undefined ? [] : [`${formatBytes(rate)}/s`]),
    ...left(progress, rate),
  ];
  const line = fitWidth(parts.join('  '), columns);
  const room = columns - displayWidth(line) - 2;
  if (progress.current === undefined || room < SHORTEST_ITEM) return line;
  return `${line}  ${keepEnd(safeText(progress.current), room)}`;
}

/** 0 … 1, by bytes, else by files; undefined while the total is unknown. */
function done(progress: Progress): number | undefined {
  const { totalBytes, totalFiles } = progress;
  if (totalBytes !== undefined && totalBytes > 0) return Math.min(1, progress.bytes / totalBytes);
  if (totalFiles !== undefined && totalFiles > 0) return Math.min(1, progress.files / totalFiles);
  return undefined;
}

function share(fraction: number, columns: number): string {
  const percent = `${Math.floor(fraction * 100)} %`.padStart(5);
  return columns < BAR_FROM ? percent : `${bar(fraction)} ${percent}`;
}

function bar(fraction: number): string {
  const full = Math.round(fraction * BAR);
  return `[${'='.repeat(full)}${' '.repeat(BAR - full)}]`;
}

function amount(value: number, total: number | undefined, format: (value: number) => string): string {
  return total === undefined ? format(value) : `${format(value)} / ${format(total)}`;
}

function left(progress: Progress, rate: number | undefined): string[] {
  if (progress.totalBytes === undefined || rate === undefined || rate < 1) return [];
  const seconds = Math.max(0, progress.totalBytes - progress.bytes) / rate;
  return [`${formatDuration(seconds * 1000)} left`];
}

/** Of a path the end tells most. */
function keepEnd(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let kept = '';
  let width = 1;
  for (const character of [...text].reverse()) {
    width += displayWidth(character);
    if (width > columns) break;
    kept = character + kept;
  }
  return `…${kept}`;
}
