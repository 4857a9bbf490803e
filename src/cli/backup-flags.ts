/** Flags that say what a snapshot takes; `snapshot` and `ignore explain` share them. */
import * as Flags from '@oclif/core/flags';
import { parseSize } from '../core/format.ts';

const helpGroup = 'WHAT IS LEFT OUT';

export const selectionFlags = {
  exclude: Flags.string({
    char: 'e',
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'PATTERN',
    helpGroup,
    summary: 'Leave out what matches (gitignore syntax; may be given again).',
  }),
  iexclude: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'PATTERN',
    helpGroup,
    summary: 'As --exclude, in upper or lower case.',
  }),
  'exclude-file': Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'FILE',
    helpGroup,
    summary: 'Leave out what matches a line of this file.',
  }),
  include: Flags.string({
    aliases: ['files'],
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'PATTERN',
    helpGroup,
    summary: 'Save only what matches (excludes win).',
  }),
  'exclude-if-present': Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    helpValue: 'NAME[:HEADER]',
    helpGroup,
    summary: 'Leave out the content of directories that hold this file.',
  }),
  'exclude-caches': Flags.boolean({ helpGroup, summary: 'Leave out the content of directories with a CACHEDIR.TAG.' }),
  'exclude-larger-than': Flags.string({
    aliases: ['max-file-size'],
    helpValue: 'SIZE',
    helpGroup,
    summary: 'Leave out files above this size, such as 500M.',
  }),
  gitignore: Flags.boolean({ helpGroup, summary: 'Honour .gitignore files as well as .neoignore.' }),
};

export interface SelectionFlags {
  readonly exclude?: string[] | undefined;
  readonly iexclude?: string[] | undefined;
  readonly 'exclude-file'?: string[] | undefined;
  readonly include?: string[] | undefined;
  readonly 'exclude-if-present'?: string[] | undefined;
  readonly 'exclude-caches': boolean;
  readonly 'exclude-larger-than'?: string | undefined;
  readonly gitignore: boolean;
}

/** The same as plain values. @throws NeoError usage for a wrong size */
export function selectionValues(flags: SelectionFlags): {
  exclude: string[];
  iexclude: string[];
  excludeFiles: string[];
  include: string[];
  excludeIfPresent: string[];
  excludeCaches: boolean;
  gitignore: boolean;
  excludeLargerThan?: number;
} {
  const largest = flags['exclude-larger-than'];
  return {
    exclude: flags.exclude ?? [],
    iexclude: flags.iexclude ?? [],
    excludeFiles: flags['exclude-file'] ?? [],
    include: flags.include ?? [],
    excludeIfPresent: flags['exclude-if-present'] ?? [],
    excludeCaches: flags['exclude-caches'],
    gitignore: flags.gitignore,
    ...(largest === undefined ? {} : { excludeLargerThan: parseSize(largest) }),
  };
}
