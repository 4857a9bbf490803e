/** Rules of which contents of a file stay, as people write them: `original,last:10,daily:7`. */
import { PERIODS, type Period } from './calendar.ts';
import { NeoError } from './errors.ts';

export interface VersionRules {
  /** The first one. */
  readonly original: boolean;
  /** The newest so many; Infinity for all. */
  readonly last?: number;
  /** Of the newest so many minutes, hours … in which there is any, the last one each; Infinity for all. */
  readonly each?: Readonly<Partial<Record<Period, number>>>;
}

/** @throws NeoError usage */
export function parseVersionRules(text: string): VersionRules {
  return text.split(',').map(parseWord).reduce(joined, { original: false });
}

function joined(a: VersionRules, b: VersionRules): VersionRules {
  const each = { ...a.each, ...b.each };
  const last = b.last ?? a.last;
  return {
    original: a.original || b.original,
    ...(last === undefined ? {} : { last }),
    ...(Object.keys(each).length === 0 ? {} : { each }),
  };
}

function parseWord(word: string): VersionRules {
  if (word === 'original') return { original: true };
  if (word === 'all') return { original: false, last: Number.POSITIVE_INFINITY };
  const [, name = '', count = ''] = /^(\w+):(all|[1-9]\d{0,8})$/.exec(word) ?? [];
  const number = count === 'all' ? Number.POSITIVE_INFINITY : Number(count);
  if (name === 'last') return { original: false, last: number };
  const period = PERIODS.find((each) => each === name);
  if (period !== undefined) return { original: false, each: { [period]: number } };
  throw new NeoError('usage', `${JSON.stringify(word)} says nothing about versions`, {
    hint: 'such as original,last:10,daily:7, or all',
  });
}

/** What {@link parseVersionRules} reads; empty for no rule. */
export function versionRulesText({ original, last, each = {} }: VersionRules): string {
  const words = original ? ['original'] : [];
  if (last === Number.POSITIVE_INFINITY) words.push('all');
  else if (last !== undefined) words.push(`last:${last}`);
  for (const period of PERIODS) {
    const count = each[period];
    if (count !== undefined) words.push(`${period}:${count === Number.POSITIVE_INFINITY ? 'all' : count}`);
  }
  return words.join(',');
}
