/** Whether a directory needs nothing: most of a restore over what is there already are such. */
import { Buffer } from 'node:buffer';
import type { ApplyOptions, EntryMetadata } from './apply.ts';
import { hasNoAttributes } from './apply-attributes.ts';
import { type EntryStat, statEntry } from './entry-stat.ts';

const SETUID_SETGID = 0o6000;
const SELF = Buffer.from('.');

/**
 * True of a directory that surely has all of it already: then a restore over what is right costs two looks, and leaves
 * its ctime alone. What is not plain (times of access, attributes, bits that go with an owner) is applied without a look.
 */
export function isDirectoryMet(fd: number, self: Buffer, metadata: EntryMetadata, { owners }: ApplyOptions): boolean {
  const { mode, uid, gid, mtime, atime, attributes } = metadata;
  if (atime !== undefined || attributes?.length !== 0 || (!owners && (mode & SETUID_SETGID) !== 0)) return false;
  const now = lookQuietly(fd);
  if (now?.mtimeNs !== mtime || Number(now.mode & 0o7777n) !== (mode & 0o7777)) return false;
  if (owners && (now.uid !== BigInt(uid) || now.gid !== BigInt(gid))) return false;
  return hasNoAttributes(self);
}

function lookQuietly(fd: number): EntryStat | undefined {
  try {
    const found = statEntry(fd, SELF);
    return found === 'missing' ? undefined : found;
  } catch {
    // Not to be searched, for one: applying says what is not allowed.
    return undefined;
  }
}
