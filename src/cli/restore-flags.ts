/** Flags of `neo restore`. */
import { resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { utf8 } from '../core/bytes.ts';
import { threads } from './threads.ts';

const which = 'WHICH SNAPSHOT';
const where = 'WHERE TO';
const what = 'WHAT IS RESTORED';
const existing = 'WHAT EXISTS ALREADY';
const metadata = 'OWNERS AND ATTRIBUTES';
const many = { multiple: true, multipleNonGreedy: true } as const;

export const restoreFlags = {
  at: Flags.string({ helpValue: 'TIME', helpGroup: which, summary: 'The last snapshot not after this time.' }),
  host: Flags.string({ ...many, helpValue: 'NAME', helpGroup: which, summary: 'The latest of this host.' }),
  tag: Flags.string({ ...many, helpValue: 'TAG[,TAG]', helpGroup: which, summary: 'The latest with this tag.' }),
  path: Flags.string({ ...many, helpValue: 'PATH', helpGroup: which, summary: 'The latest in which this can lie.' }),
  version: Flags.integer({
    min: 1,
    helpValue: 'N',
    helpGroup: which,
    summary: 'Of a path: the version that neo versions numbers so.',
    exclusive: ['at'],
  }),
  to: Flags.string({
    char: 't',
    helpValue: 'DIR',
    helpGroup: where,
    summary: 'Restore below this directory; with SNAPSHOT:PATH, the content of PATH into it.',
    exclusive: ['in-place'],
  }),
  'target-fs': Flags.option({
    options: ['windows', 'case-insensitive'] as const,
    helpGroup: where,
    summary: 'Names that cannot be there are escaped, names that would be one are kept apart; each is told.',
    dependsOn: ['to'],
  })(),
  'in-place': Flags.boolean({ helpGroup: where, summary: 'Restore to where everything was.' }),
  include: Flags.string({ ...many, char: 'i', helpValue: 'PATTERN', helpGroup: what, summary: 'Only what matches.' }),
  exclude: Flags.string({ ...many, char: 'e', helpValue: 'PATTERN', helpGroup: what, summary: 'Not what matches.' }),
  iexclude: Flags.string({ ...many, helpValue: 'PATTERN', helpGroup: what, summary: 'As --exclude, any case.' }),
  overwrite: Flags.string({
    helpGroup: existing,
    options: ['always', 'if-changed', 'if-newer', 'never'],
    default: 'if-changed',
    summary: 'Compare all files; those of another size or mtime; only older ones; or none.',
  }),
  delete: Flags.boolean({ helpGroup: existing, summary: 'Remove what is not in the snapshot.' }),
  yes: Flags.boolean({ char: 'y', helpGroup: existing, summary: 'Delete many files without complaint.' }),
  resume: Flags.boolean({ helpGroup: existing, summary: 'Go on where an interrupted restore stopped, and clean up.' }),
  verify: Flags.boolean({ helpGroup: what, summary: 'Read everything again afterwards and compare.' }),
  sparse: Flags.boolean({ helpGroup: what, summary: 'Leave zeros out: files get holes where they had none.' }),
  'dry-run': Flags.boolean({ char: 'n', helpGroup: what, summary: 'Say what would be done, and do nothing.' }),
  'numeric-ids': Flags.boolean({ helpGroup: metadata, summary: 'Owners by number, not by name.' }),
  'no-ownership': Flags.boolean({ helpGroup: metadata, summary: 'Everything belongs to you.' }),
  devices: Flags.boolean({ helpGroup: metadata, summary: 'Make device nodes, too.' }),
  'security-xattrs': Flags.boolean({ helpGroup: metadata, summary: 'Set security.* attributes, too.' }),
};

export interface RestoreFlags {
  readonly host?: string[] | undefined;
  readonly tag?: string[] | undefined;
  readonly path?: string[] | undefined;
  readonly to?: string | undefined;
  readonly 'target-fs'?: 'windows' | 'case-insensitive' | undefined;
  readonly 'in-place': boolean;
  readonly include?: string[] | undefined;
  readonly exclude?: string[] | undefined;
  readonly iexclude?: string[] | undefined;
  readonly overwrite: string;
  readonly delete: boolean;
  readonly yes: boolean;
  readonly resume: boolean;
  readonly verify: boolean;
  readonly sparse: boolean;
  readonly 'dry-run': boolean;
  readonly 'numeric-ids': boolean;
  readonly 'no-ownership': boolean;
  readonly devices: boolean;
  readonly 'security-xattrs': boolean;
}

/** The same as the task wants it. */
export function restoreValues(flags: RestoreFlags) {
  return {
    destination: destinationOf(flags),
    overwrite: flags.overwrite as 'always' | 'if-changed' | 'if-newer' | 'never',
    include: flags.include ?? [],
    exclude: flags.exclude ?? [],
    iexclude: flags.iexclude ?? [],
    delete: flags.delete,
    yes: flags.yes,
    dryRun: flags['dry-run'],
    verify: flags.verify,
    sparse: flags.sparse,
    resume: flags.resume,
    ownership: !flags['no-ownership'],
    numericIds: flags['numeric-ids'],
    devices: flags.devices,
    ...(flags['target-fs'] === undefined ? {} : { targetSystem: flags['target-fs'] }),
    securityAttributes: flags['security-xattrs'],
    ...threads(),
  };
}

function destinationOf(flags: RestoreFlags) {
  if (flags.to !== undefined) return { type: 'directory' as const, path: resolve(flags.to) };
  return flags['in-place'] ? { type: 'in-place' as const } : { type: 'beside' as const };
}

/** What `latest` is the latest of. */
export function restoreFilter(flags: RestoreFlags, until: Date | undefined) {
  return {
    hosts: flags.host ?? [],
    tags: flags.tag ?? [],
    paths: (flags.path ?? []).map((path) => utf8(resolve(path))),
    ...(until === undefined ? {} : { until: until.getTime() }),
  };
}
