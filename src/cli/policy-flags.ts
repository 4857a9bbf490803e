/** Whom a policy is for. */
import { resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { utf8 } from '../core/bytes.ts';
import { parseSpan, type Span } from '../core/calendar.ts';
import { parseVersionRules, type VersionRules } from '../core/version-rules.ts';

export const scopeFlags = {
  host: Flags.string({ helpValue: 'NAME', summary: 'Only for snapshots of this host.' }),
  path: Flags.string({ helpValue: 'PATH', summary: 'Only for snapshots all of whose paths lie at or below it.' }),
};

export const versionFlags = {
  versions: Flags.string({
    helpValue: 'RULES',
    summary:
      'Which contents of a file below --path stay when the snapshots go that have them: original,last:10,daily:7, or all; ' +
      'off for none.',
  }),
  'keep-deleted': Flags.custom<Span>({
    helpValue: 'TIME',
    summary: 'Of a deleted file: so long after it was seen last, at least its last content; then nothing.',
    parse: async (text) => parseSpan(text),
  })(),
};

/** Undefined when nothing was said of versions; `off`: none any more. */
export function versionWishes(flags: {
  readonly versions?: string | undefined;
  readonly 'keep-deleted'?: Span | undefined;
}): { readonly rules: VersionRules; readonly keepDeleted?: Span } | 'off' | undefined {
  const { versions, 'keep-deleted': keepDeleted } = flags;
  if (versions === 'off' && keepDeleted === undefined) return 'off';
  if (versions === undefined && keepDeleted === undefined) return undefined;
  const rules = versions === undefined || versions === 'off' ? { original: false } : parseVersionRules(versions);
  return { rules, ...(keepDeleted === undefined ? {} : { keepDeleted }) };
}

export function policyScope({
  host,
  path,
}: {
  readonly host?: string | undefined;
  readonly path?: string | undefined;
}): {
  host?: string;
  path?: Uint8Array;
} {
  return {
    ...(host === undefined ? {} : { host }),
    ...(path === undefined ? {} : { path: utf8(resolve(path)) }),
  };
}
