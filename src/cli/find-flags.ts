/** What `neo find` looks for. */
import { resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { parseSize } from '../core/format.ts';
import { parseWhen } from './when.ts';

const many = { multiple: true, multipleNonGreedy: true } as const;
const what = 'WHAT';
const where = 'WHERE';

/** As find(1) calls them. */
const TYPES = {
  f: 'file',
  d: 'directory',
  l: 'symlink',
  p: 'fifo',
  s: 'socket',
  c: 'chardev',
  b: 'blockdev',
} as const;
type TypeLetter = keyof typeof TYPES;

export const findFlags = {
  regex: Flags.string({
    helpValue: 'REGEX',
    helpGroup: what,
    summary: 'Paths that this regular expression is found in.',
  }),
  'ignore-case': Flags.boolean({ char: 'i', helpGroup: what, summary: 'Upper and lower case are the same.' }),
  type: Flags.string({
    ...many,
    char: 't',
    options: Object.keys(TYPES),
    helpGroup: what,
    summary: 'Files, directories, symbolic links …, as in find(1).',
  }),
  size: Flags.string({
    ...many,
    helpValue: '+SIZE|-SIZE',
    helpGroup: what,
    summary: 'Files of at least, or at most, this size: +10M, -4k.',
  }),
  newer: Flags.string({
    helpValue: 'TIME',
    helpGroup: what,
    summary: 'Changed after this time; of a day, its beginning.',
  }),
  older: Flags.string({
    helpValue: 'TIME',
    helpGroup: what,
    summary: 'Changed before this time; of a day, its beginning.',
  }),
  content: Flags.string({
    helpValue: 'HASH',
    helpGroup: what,
    summary: 'Files with this content, wherever they lie: the start of a contentHash of --json.',
  }),
  deleted: Flags.boolean({ helpGroup: what, summary: 'Only what the newest snapshot of its host and paths has not.' }),
  snapshot: Flags.string({ helpValue: 'ID', helpGroup: where, summary: 'Only in this one: latest, latest~2, an id.' }),
  host: Flags.string({ ...many, helpValue: 'NAME', helpGroup: where, summary: 'Only in snapshots of this host.' }),
  tag: Flags.string({ ...many, helpValue: 'TAG[,TAG]', helpGroup: where, summary: 'Only in those with this tag.' }),
  path: Flags.string({ ...many, helpValue: 'PATH', helpGroup: where, summary: 'Only in those in which this can lie.' }),
};

export interface FindFlags {
  readonly regex?: string | undefined;
  readonly 'ignore-case': boolean;
  readonly type?: string[] | undefined;
  readonly size?: string[] | undefined;
  readonly newer?: string | undefined;
  readonly older?: string | undefined;
  readonly content?: string | undefined;
  readonly deleted: boolean;
  readonly host?: string[] | undefined;
  readonly tag?: string[] | undefined;
  readonly path?: string[] | undefined;
}

/** As tasks/find.ts takes them. @throws NeoError usage */
export async function findOptions(flags: FindFlags, patterns: readonly string[]) {
  const { regex, content } = flags;
  if (content !== undefined && !/^[0-9a-f]{8,64}$/.test(content)) {
    throw new NeoError('usage', `--content ${content} is no start of a hash`, {
      hint: 'eight or more digits 0-9, a-f',
    });
  }
  const types = flags.type?.map((letter) => TYPES[letter as TypeLetter]);
  return {
    patterns,
    ignoreCase: flags['ignore-case'],
    deleted: flags.deleted,
    ...(regex === undefined ? {} : { regex }),
    ...(types === undefined ? {} : { types }),
    ...sizesOf(flags.size ?? []),
    ...(await momentOf('newer', flags.newer)),
    ...(await momentOf('older', flags.older)),
    ...(content === undefined ? {} : { content }),
  };
}

function sizesOf(texts: readonly string[]): { leastSize?: number; mostSize?: number } {
  const sizes: { leastSize?: number; mostSize?: number } = {};
  for (const text of texts) {
    const sign = text[0];
    if (sign !== '+' && sign !== '-') {
      throw new NeoError('usage', `--size ${text}: at least, or at most?`, { hint: 'write +10M or -10M' });
    }
    const bytes = parseSize(text.slice(1));
    if (sign === '+') sizes.leastSize = bytes;
    else sizes.mostSize = bytes;
  }
  return sizes;
}

async function momentOf<Name extends 'newer' | 'older'>(
  name: Name,
  text: string | undefined,
): Promise<{ [N in Name]?: number }> {
  if (text === undefined) return {};
  return { [name]: (await parseWhen(text, new Date(), 'start')).getTime() } as { [N in Name]?: number };
}

/** Which snapshots are searched. */
export function searchedSnapshots({ host, tag, path }: Pick<FindFlags, 'host' | 'tag' | 'path'>) {
  return { hosts: host ?? [], tags: tag ?? [], paths: (path ?? []).map((each) => utf8(resolve(each))) };
}
