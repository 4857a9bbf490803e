/**
 * Headers of tar archives in the pax interchange format (POSIX.1-2017, pax(1), "pax Interchange Format" and "ustar
 * Interchange Format"): what does not fit into a ustar header stands in an extended one before it. Extended attributes are
 * written as star and GNU tar do (`SCHILY.xattr.NAME`). As GNU tar does, names that are not UTF-8 stand there as they are, without
 * the record `hdrcharset`, of which it would warn.
 */
import { concatBytes, utf8 } from '../../core/bytes.ts';

export type TarType = 'file' | 'link' | 'symlink' | 'chardev' | 'blockdev' | 'directory' | 'fifo';

const TYPE_FLAGS: Readonly<Record<TarType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  chardev: '3',
  blockdev: '4',
  directory: '5',
  fifo: '6',
};

export interface TarEntry {
  /** Relative; of a directory it ends with a slash. Any bytes but NUL. */
  readonly path: Uint8Array;
  readonly type: TarType;
  /** 12 bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly user?: string;
  readonly group?: string;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  /** Bytes that follow; 0 for all but files. */
  readonly size: number;
  /** Of a link: an earlier path in the archive; of a symlink its target. */
  readonly target?: Uint8Array;
  readonly rdev?: { readonly major: number; readonly minor: number };
  readonly xattrs: readonly { readonly name: Uint8Array; readonly value: Uint8Array }[];
}

const BLOCK = 512;
/** Two blocks of zeros. */
export const END_OF_ARCHIVE: Uint8Array = new Uint8Array(2 * BLOCK);

/** Zeros after so many bytes of content, up to a full block. */
export function tarPadding(size: number): Uint8Array {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}

const NAME_LENGTH = 100;
const ACCOUNT_LENGTH = 32;
/** Largest octal numbers of 7 and of 11 digits. */
const MOST_SMALL = 0o7777777;
const MOST_LARGE = 0o77777777777;
const BILLION = 1_000_000_000n;

/** The header of one entry, with the extended one before it where something does not fit. */
export function tarHeader(entry: TarEntry): Uint8Array {
  const records = extendedRecords(entry);
  const header = ustar(entry);
  if (records.length === 0) return header;
  const extended = ustar({
    path: utf8('././@PaxHeader'),
    flag: 'x',
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0n,
    size: records.length,
  });
  return concatBytes(extended, records, tarPadding(records.length), header);
}

function extendedRecords({ path, target, size, uid, gid, user, group, mtime, xattrs }: TarEntry): Uint8Array {
  const needed: readonly (Uint8Array | undefined)[] = [
    isPlain(path, NAME_LENGTH) ? undefined : record('path', path),
    target === undefined || isPlain(target, NAME_LENGTH) ? undefined : record('linkpath', target),
    size > MOST_LARGE ? record('size', String(size)) : undefined,
    uid > MOST_SMALL ? record('uid', String(uid)) : undefined,
    gid > MOST_SMALL ? record('gid', String(gid)) : undefined,
    accountRecord('uname', user),
    accountRecord('gname', group),
    mtime % BILLION === 0n && isWholeTime(mtime) ? undefined : record('mtime', decimalTime(mtime)),
    ...xattrs.map(({ name, value }) => record(concatBytes(utf8('SCHILY.xattr.'), name), value)),
  ];
  return concatBytes(...needed.filter((bytes) => bytes !== undefined));
}

function accountRecord(key: string, name: string | undefined): Uint8Array | undefined {
  return name === undefined || isPlain(utf8(name), ACCOUNT_LENGTH - 1) ? undefined : record(key, name);
}

/** It fits into a ustar header but for its fraction. */
function isWholeTime(mtime: bigint): boolean {
  return mtime >= 0n && mtime / BILLION <= BigInt(MOST_LARGE);
}

function isPlain(text: Uint8Array, most: number): boolean {
  return text.length <= most && text.every((byte) => byte < 0x80);
}

/** `-1.5` is one and a half seconds before 1970. */
function decimalTime(nanoseconds: bigint): string {
  const sign = nanoseconds < 0n ? '-' : '';
  const absolute = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const fraction = String(absolute % BILLION)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${sign}${absolute / BILLION}${fraction === '' ? '' : `.${fraction}`}`;
}

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
function record(name: Uint8Array | string, content: Uint8Array | string): Uint8Array {
  const key = typeof name === 'string' ? utf8(name) : name;
  const value = typeof content === 'string' ? utf8(content) : content;
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return concatBytes(utf8(`${length} `), key, utf8('='), value, utf8('\n'));
}

interface Ustar extends Partial<Pick<TarEntry, 'type' | 'user' | 'group' | 'target' | 'rdev'>> {
  readonly path: Uint8Array;
  readonly flag?: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: bigint;
  readonly size: number;
}

/** What is too long is cut, and what is too large is 0: the extended header has it. */
function ustar(entry: Ustar): Uint8Array {
  const { path, flag, type, mode, uid, gid, user, group, mtime, size, target, rdev } = entry;
  const block = new Uint8Array(BLOCK);
  const put = (at: number, text: Uint8Array, most: number): void => block.set(text.subarray(0, most), at);
  const number = (at: number, value: number, digits: number, most: number): void =>
    put(at, utf8(`${(value <= most ? value : 0).toString(8).padStart(digits, '0')}\0`), digits + 1);
  const seconds = isWholeTime(mtime) ? Number(mtime / BILLION) : 0;
  put(0, path, NAME_LENGTH);
  number(100, mode, 7, MOST_SMALL);
  number(108, uid, 7, MOST_SMALL);
  number(116, gid, 7, MOST_SMALL);
  number(124, size, 11, MOST_LARGE);
  number(136, seconds, 11, MOST_LARGE);
  put(148, utf8('        '), 8);
  put(156, utf8(flag ?? TYPE_FLAGS[type ?? 'file']), 1);
  if (target !== undefined) put(157, target, NAME_LENGTH);
  put(257, utf8('ustar\x0000'), 8);
  put(265, utf8(user ?? ''), ACCOUNT_LENGTH - 1);
  put(297, utf8(group ?? ''), ACCOUNT_LENGTH - 1);
  number(329, rdev?.major ?? 0, 7, MOST_SMALL);
  number(337, rdev?.minor ?? 0, 7, MOST_SMALL);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, utf8(`${sum.toString(8).padStart(6, '0')}\0 `), 8);
  return block;
}
