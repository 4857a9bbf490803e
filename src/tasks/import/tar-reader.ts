/**
 * Entries of a tar archive, one after the other as it arrives: ustar, pax, GNU's long names and sparse files. Names, links
 * and attributes stay the bytes that they are; the libraries for this make text of them, and what is not UTF-8 is lost.
 */
import { copyOf } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import type { Extent, Xattr } from '../../snapshot/node.ts';
import { type ByteFeed, brokenOff } from './byte-feed.ts';
import { hasUnkept, type PaxRecords, parsePaxNumber, parsePaxRecords, parsePaxTime, xattrsOf } from './pax-records.ts';
import { accountName, BLOCK, parseTarHeader, type TarHeader } from './tar-header.ts';
import { sparseOf } from './tar-sparse.ts';

export type ArchiveType = 'file' | 'link' | 'symlink' | 'chardev' | 'blockdev' | 'directory' | 'fifo';

export interface ArchiveEntry extends Pick<TarHeader, 'mode' | 'uid' | 'gid' | 'mtime' | 'user' | 'group' | 'rdev'> {
  /** Undefined for what no file system has. */
  readonly type: ArchiveType | undefined;
  /** As it stands there. */
  readonly path: Uint8Array;
  /** Of a link an earlier path, of a symlink its target. */
  readonly link: Uint8Array;
  /** Holes included; 0 for all but files. */
  readonly size: number;
  /** Of a sparse file. */
  readonly extents: readonly Extent[] | undefined;
  readonly ctime: bigint | undefined;
  readonly xattrs: readonly Xattr[];
  /** Access control lists or labels are told as text. */
  readonly unkept: boolean;
  /** Bytes outside the holes; to be taken before the next entry, or not at all. */
  readonly content: AsyncIterable<Uint8Array>;
}

const TYPES: Readonly<Record<string, ArchiveType>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'chardev',
  '4': 'blockdev',
  '5': 'directory',
  D: 'directory',
  '6': 'fifo',
};
/** Whatever their headers say, no bytes follow: a directory's size is a hint. */
const WITHOUT_CONTENT = new Set(['2', '3', '4', '5', '6']);
/** Of an extended header. A file's attributes are 64 KiB on most systems. */
const MOST_EXTENDED = 16 << 20;
const SLASH = 0x2f;

/**
 * @throws NeoError failed for what is no tar archive, is damaged, breaks off (its end is two blocks of zeros, without
 * which nobody knows that it is whole), or goes on in another volume
 */
export async function* readTar(feed: ByteFeed): AsyncGenerator<ArchiveEntry> {
  const extended = new ExtendedHeaders();
  for (;;) {
    const { position } = feed;
    const block = await feed.exactly(BLOCK);
    if (block === undefined)
      throw position === 0 ? new NeoError('failed', 'the archive is empty') : brokenOff(position);
    if (block.every((byte) => byte === 0)) break;
    const header = parseTarHeader(copyOf(block), position);
    if (await extended.take(header, feed)) continue;
    yield* entryOf(header, extended, feed);
  }
  // Whoever writes into a pipe wants all of it to be read.
  for await (const _ of feed);
}

async function* entryOf(header: TarHeader, extended: ExtendedHeaders, feed: ByteFeed): AsyncGenerator<ArchiveEntry> {
  const { position } = feed;
  if (header.flag === 'M') {
    throw new NeoError('failed', 'the archive is a later volume of several', {
      hint: 'nothing was imported; join its volumes first',
    });
  }
  const found = extended.next();
  const { records } = found;
  const stored = storedBytes(header, records, position);
  const padding = (BLOCK - (stored % BLOCK)) % BLOCK;
  const sparse = await sparseOf(header, records, feed, stored);
  const content = stored - (sparse?.mapBytes ?? 0);
  const end = feed.position + content;
  const named = { ...header, ...namesOf(header, found) };
  const type = named.path.at(-1) === SLASH && TYPES[header.flag] === 'file' ? 'directory' : TYPES[header.flag];
  yield {
    ...named,
    ...detailsOf(header, records, position),
    type,
    size: type === 'file' ? (sparse?.size ?? stored) : 0,
    extents: sparse?.extents,
    content: feed.take(content),
  };
  await feed.skip(end - feed.position + padding);
}

/** The records first, then GNU's long names, then the header itself. */
function namesOf(header: TarHeader, { records, longPath, longLink }: Said): Pick<ArchiveEntry, 'path' | 'link'> {
  return {
    path: records.get('GNU.sparse.name') ?? records.get('path') ?? longPath ?? header.path,
    link: records.get('linkpath') ?? longLink ?? header.link,
  };
}

function detailsOf(header: TarHeader, records: PaxRecords, position: number) {
  const text = (key: string): string | undefined => accountName(records.get(key) ?? NOTHING);
  const number = (key: string): number | undefined => withValue(records, key, position, parsePaxNumber);
  const time = (key: string): bigint | undefined => withValue(records, key, position, parsePaxTime);
  return {
    uid: number('uid') ?? header.uid,
    gid: number('gid') ?? header.gid,
    user: text('uname') ?? header.user,
    group: text('gname') ?? header.group,
    mtime: time('mtime') ?? header.mtime,
    ctime: time('ctime'),
    xattrs: xattrsOf(records),
    unkept: hasUnkept(records),
  };
}

const NOTHING = new Uint8Array();

function withValue<T>(
  records: PaxRecords,
  key: string,
  position: number,
  parse: (value: Uint8Array, position: number) => T,
): T | undefined {
  const value = records.get(key);
  return value === undefined ? undefined : parse(value, position);
}

function storedBytes({ flag, size }: TarHeader, records: PaxRecords, position: number): number {
  if (WITHOUT_CONTENT.has(flag)) return 0;
  // The bytes of a file with several names may stand at each of them, but only where extended headers are known.
  if (flag === '1' && records.size === 0) return 0;
  return withValue(records, 'size', position, parsePaxNumber) ?? size;
}

/** What stood before an entry. */
interface Said {
  readonly records: PaxRecords;
  readonly longPath: Uint8Array | undefined;
  readonly longLink: Uint8Array | undefined;
}

/** What stands before an entry and says more of it. */
class ExtendedHeaders {
  #global = new Map<string, Uint8Array>();
  #own: PaxRecords = new Map();
  #longPath: Uint8Array | undefined;
  #longLink: Uint8Array | undefined;

  /** True if the header was one of those. */
  async take({ flag, size }: TarHeader, feed: ByteFeed): Promise<boolean> {
    const { position } = feed;
    switch (flag) {
      case 'x':
      case 'X':
        this.#own = parsePaxRecords(await bodyOf(size, feed), position);
        return true;
      case 'g':
        this.#global = new Map([...this.#global, ...parsePaxRecords(await bodyOf(size, feed), position)]);
        return true;
      case 'L':
        this.#longPath = withoutEnd(await bodyOf(size, feed));
        return true;
      case 'K':
        this.#longLink = withoutEnd(await bodyOf(size, feed));
        return true;
      // The volume's label.
      case 'V':
        return true;
      default:
        return false;
    }
  }

  /** For one entry. */
  next(): Said {
    const all = [...this.#global, ...this.#own].filter(([, value]) => value.length > 0);
    const found = { records: new Map(all), longPath: this.#longPath, longLink: this.#longLink };
    for (const [key, value] of this.#own) if (value.length === 0) found.records.delete(key);
    this.#own = new Map();
    this.#longPath = undefined;
    this.#longLink = undefined;
    return found;
  }
}

/** A copy, for what follows takes its place. */
async function bodyOf(size: number, feed: ByteFeed): Promise<Uint8Array> {
  if (size > MOST_EXTENDED) {
    throw new NeoError(
      'failed',
      `the archive is damaged at byte ${feed.position}: an extended header of ${size} bytes`,
      {
        hint: 'nothing was imported',
      },
    );
  }
  const padded = Math.ceil(size / BLOCK) * BLOCK;
  if (padded === 0) return NOTHING;
  const bytes = await feed.exactly(padded);
  if (bytes === undefined) throw brokenOff(feed.position);
  return copyOf(bytes.subarray(0, size));
}

function withoutEnd(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}
