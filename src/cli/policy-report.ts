/** What `neo policy` says. */
import { displayBytes, toByteString } from '../core/bytes.ts';
import type { KeepRules } from './forget-flags.ts';
import { formatTime } from './format.ts';
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
