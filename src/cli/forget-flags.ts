/** What `neo forget` is told to keep. */
import { resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { utf8 } from '../core/bytes.ts';
import { PERIODS, type Period, parseSpan, type Span } from '../core/calendar.ts';
import { NeoError } from '../core/errors.ts';

const GROUP_KEYS = ['host', 'paths', 'tags'] as const;
type GroupKey = (typeof GROUP_KEYS)[number];

/** As snapshot/retention.ts takes them. */
export interface KeepRules {
  readonly last?: number;
  readonly each?: Partial<Record<Period, number>>;
  readonly within?: Span;
  readonly eachWithin?: Partial<Record<Period, Span>>;
  readonly tags?: readonly (readonly string[])[];
}

/** The options of tasks/forget.ts. */
export interface ForgetValues {
  readonly rules: KeepRules;
  readonly groupBy: readonly GroupKey[];
  readonly filter: { readonly hosts: string[]; readonly tags: string[]; readonly paths: Uint8Array[] };
  readonly references: readonly string[];
  readonly revoked: boolean;
  /** Milliseconds. */
  readonly trash: number;
  readonly dryRun: boolean;
  readonly evenMost: boolean;
}

const many = { multiple: true, multipleNonGreedy: true } as const;

const DAY = 86_400_000;
const MOST_DAYS = 3650;

/** @throws NeoError usage */
function parseCount(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new NeoError('usage', `'${text}' is no number of snapshots`, { hint: 'write 7, or all' });
}

const count = (summary: string) =>
  Flags.custom<number>({ helpValue: 'N', summary, parse: async (text) => parseCount(text) })();
const span = (summary: string) =>
  Flags.custom<Span>({ helpValue: 'TIME', summary, parse: async (text) => parseSpan(text) })();

const ONE_EACH: Readonly<Record<Period, string>> = {
  minutely: 'minutes',
  hourly: 'hours',
  daily: 'days',
  weekly: 'weeks',
  monthly: 'months',
  quarterly: 'quarters of a year',
  yearly: 'years',
};

function eachFlag(period: Period) {
  return count(`One of each of the last N ${ONE_EACH[period]} that have any.`);
}

function withinFlag(period: Period) {
  return span(`One of each of the ${ONE_EACH[period]} in such a time before the newest.`);
}

/** What stays. */
export const keepFlags = {
  'keep-last': count('The newest N; all for every one.'),
  'keep-minutely': eachFlag('minutely'),
  'keep-hourly': eachFlag('hourly'),
  'keep-daily': eachFlag('daily'),
  'keep-weekly': eachFlag('weekly'),
  'keep-monthly': eachFlag('monthly'),
  'keep-quarterly': eachFlag('quarterly'),
  'keep-yearly': eachFlag('yearly'),
  'keep-within': span('All that came in such a time before the newest: 2y5m7d3h.'),
  'keep-within-minutely': withinFlag('minutely'),
  'keep-within-hourly': withinFlag('hourly'),
  'keep-within-daily': withinFlag('daily'),
  'keep-within-weekly': withinFlag('weekly'),
  'keep-within-monthly': withinFlag('monthly'),
  'keep-within-quarterly': withinFlag('quarterly'),
  'keep-within-yearly': withinFlag('yearly'),
  'keep-tag': Flags.string({ ...many, helpValue: 'TAG[,TAG]', summary: 'All with this tag, or with all of these.' }),
};

export const forgetFlags = {
  ...keepFlags,
  'group-by': Flags.string({
    helpValue: 'host,paths,tags',
    default: 'host,paths',
    summary: 'What snapshots have in common that rules are applied to together; none for all that a key made.',
  }),
  host: Flags.string({ ...many, helpValue: 'NAME', summary: 'Rules look only at those of this host.' }),
  tag: Flags.string({ ...many, helpValue: 'TAG[,TAG]', summary: 'Only at those with this tag, or all of these.' }),
  path: Flags.string({ ...many, helpValue: 'PATH', summary: 'Only at those in which this path can lie.' }),
  revoked: Flags.boolean({ summary: 'All that revoked keys made, and that count no more.' }),
  trash: Flags.integer({
    min: 0,
    max: MOST_DAYS,
    default: 7,
    helpValue: 'DAYS',
    summary: 'How long `neo undo` can bring them back for sure; 0 for not at all.',
  }),
  'dry-run': Flags.boolean({ char: 'n', summary: 'Only show which would go, and why the others stay.' }),
  yes: Flags.boolean({ char: 'y', summary: 'Also where more than half of a group would go.' }),
};

type KeepFlags = {
  readonly [Name in `keep-${'last' | Period}`]?: number | undefined;
} & {
  readonly [Name in 'keep-within' | `keep-within-${Period}`]?: Span | undefined;
} & {
  readonly 'keep-tag'?: string[] | undefined;
};

type ForgetFlags = KeepFlags & {
  readonly 'group-by': string;
  readonly host?: string[] | undefined;
  readonly tag?: string[] | undefined;
  readonly path?: string[] | undefined;
  readonly revoked: boolean;
  readonly trash: number;
  readonly 'dry-run': boolean;
  readonly yes: boolean;
};

/** @param references snapshots that were named @throws NeoError usage */
export function forgetOptions(flags: ForgetFlags, references: readonly string[]): ForgetValues {
  const rules = keepRules(flags);
  if ((references.length > 0 || flags.revoked) && Object.keys(rules).length > 0) {
    throw new NeoError('usage', 'either name snapshots, or say what to keep', {
      hint: 'neo forget 2829f3c9, or neo forget --keep-daily 30',
    });
  }
  return {
    rules,
    groupBy: groupKeys(flags['group-by']),
    filter: filterOf(flags),
    references,
    revoked: flags.revoked,
    trash: flags.trash * DAY,
    dryRun: flags['dry-run'],
    evenMost: flags.yes,
  };
}

export function keepRules(flags: KeepFlags): KeepRules {
  const each = givenOf((period) => flags[`keep-${period}`]);
  const eachWithin = givenOf((period) => flags[`keep-within-${period}`]);
  const last = flags['keep-last'];
  const within = flags['keep-within'];
  const tags = flags['keep-tag']?.map((list) => list.split(','));
  return {
    ...(last === undefined ? {} : { last }),
    ...(each === undefined ? {} : { each }),
    ...(within === undefined ? {} : { within }),
    ...(eachWithin === undefined ? {} : { eachWithin }),
    ...(tags === undefined ? {} : { tags }),
  };
}

function givenOf<T>(of: (period: Period) => T | undefined): Partial<Record<Period, T>> | undefined {
  const given: Partial<Record<Period, T>> = {};
  for (const period of PERIODS) {
    const value = of(period);
    if (value !== undefined) given[period] = value;
  }
  return Object.keys(given).length === 0 ? undefined : given;
}

function groupKeys(text: string): GroupKey[] {
  if (text === 'none') return [];
  return text.split(',').map((word) => {
    const key = GROUP_KEYS.find((known) => known === word);
    if (key !== undefined) return key;
    throw new NeoError('usage', `--group-by ${text}: '${word}' is nothing to group by`, {
      hint: 'some of host,paths,tags, or none',
    });
  });
}

function filterOf(flags: ForgetFlags): ForgetValues['filter'] {
  return {
    hosts: flags.host ?? [],
    tags: flags.tag ?? [],
    paths: (flags.path ?? []).map((path) => utf8(resolve(path))),
  };
}
