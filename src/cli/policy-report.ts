/** What `neo policy` says. */
import { displayBytes, toByteString } from '../core/bytes.ts';
import { type Span, spanText } from '../core/calendar.ts';
import { formatTime } from '../core/format.ts';
import { type VersionRules, versionRulesText } from '../core/version-rules.ts';
import type { KeepRules } from './forget-flags.ts';
import { keepWords } from './keep-text.ts';
import type { JsonBody } from './output.ts';
import type { Column } from './table.ts';

export interface ShownPolicy {
  readonly host?: string;
  readonly path?: Uint8Array;
  readonly rules: KeepRules;
  /** Milliseconds; absent: not stored yet. */
  readonly time?: number;
}

export const policyColumns: Column[] = ['HOST', 'PATH', 'SET', 'KEEPS'];

export function policyRow({ host, path, rules, time }: ShownPolicy): string[] {
  return [
    host ?? 'any',
    path === undefined ? 'any' : displayBytes(path),
    time === undefined ? '-' : formatTime(new Date(time)),
    keepWords(rules).join(' '),
  ];
}

export function policyJson({ host, path, rules, time }: ShownPolicy): JsonBody {
  return {
    host,
    path: path === undefined ? undefined : toByteString(path),
    keep: keepWords(rules),
    time: time === undefined ? undefined : new Date(time).toISOString(),
  };
}

export interface ShownVersionPolicy {
  readonly host?: string;
  readonly path?: Uint8Array;
  readonly rules: VersionRules;
  readonly keepDeleted?: Span;
  /** Milliseconds; absent: not stored yet. */
  readonly time?: number;
}

/** As the flags that say it. */
export function versionWords({ rules, keepDeleted }: Pick<ShownVersionPolicy, 'rules' | 'keepDeleted'>): string {
  const text = versionRulesText(rules);
  const words = text === '' ? [] : [`--versions ${text}`];
  return [...words, ...(keepDeleted === undefined ? [] : [`--keep-deleted ${spanText(keepDeleted)}`])].join(' ');
}

export function versionPolicyRow({ host, path, time, ...wishes }: ShownVersionPolicy): string[] {
  return [
    host ?? 'any',
    path === undefined ? 'any' : displayBytes(path),
    time === undefined ? '-' : formatTime(new Date(time)),
    versionWords(wishes),
  ];
}

export function versionPolicyJson({ host, path, rules, keepDeleted, time }: ShownVersionPolicy): JsonBody {
  return {
    host,
    path: path === undefined ? undefined : toByteString(path),
    versions: versionRulesText(rules),
    keepDeleted: keepDeleted === undefined ? undefined : spanText(keepDeleted),
    time: time === undefined ? undefined : new Date(time).toISOString(),
  };
}
