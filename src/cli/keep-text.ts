/** Rules of retention as they are typed: `--keep-last 7 --keep-daily all`. */
import { PERIODS, spanText } from '../core/calendar.ts';
import type { KeepRules } from './forget-flags.ts';

function countText(count: number): string {
  return count === Number.POSITIVE_INFINITY ? 'all' : String(count);
}

/** Flag and value, by turns. */
export function keepWords({ last, each = {}, within, eachWithin = {}, tags = [] }: KeepRules): string[] {
  return [
    ...(last === undefined ? [] : ['--keep-last', countText(last)]),
    ...PERIODS.flatMap((period) => {
      const count = each[period];
      return count === undefined ? [] : [`--keep-${period}`, countText(count)];
    }),
    ...(within === undefined ? [] : ['--keep-within', spanText(within)]),
    ...PERIODS.flatMap((period) => {
      const span = eachWithin[period];
      return span === undefined ? [] : [`--keep-within-${period}`, spanText(span)];
    }),
    ...tags.flatMap((list) => ['--keep-tag', list.join(',')]),
  ];
}
