/** Two files as texts: what changed, line by line. */
import { closeSync, readFileSync } from 'node:fs';
import { decodeUtf8, displayBytes } from '../core/bytes.ts';
import { messageOf, NeoError } from '../core/errors.ts';
import { openForReading } from '../fs/open-reading.ts';
import { BlobReader } from '../repo/blob-reader.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { readNodeContent } from './contents.ts';
import type { Difference } from './diff.ts';
import type { Item } from './diff-side.ts';

/** Bytes of a file that is compared by lines. */
const LARGEST_TEXT = 4 << 20;
/** Milliseconds for one pair of files, by {@link https://www.npmjs.com/package/diff | Myers' algorithm}. */
const LONGEST = 5_000;

/**
 * A unified diff (POSIX diff -u); a line that says so for what is no text; undefined where there is nothing to compare, as
 * of directories.
 * @throws NeoError integrity, failed when a file cannot be read
 */
export async function unifiedDiff(
  repository: IndexedRepository,
  { path, change, before, after }: Difference,
): Promise<string | undefined> {
  const isFile = (item: Item | undefined): boolean => item === undefined || item.node?.type === 'file';
  if (change === 'metadata' || !isFile(before) || !isFile(after)) return undefined;
  const name = displayBytes(path);
  const texts = [await textOf(repository, before, path), await textOf(repository, after, path)];
  const [old, now] = texts;
  if (old === undefined || now === undefined) return `binary files differ: ${name}\n`;
  const { createTwoFilesPatch } = await import('diff');
  const names = [
    before === undefined ? '/dev/null' : `a${name}`,
    after === undefined ? '/dev/null' : `b${name}`,
  ] as const;
  const options = { context: 3, headerOptions: FILE_HEADERS, timeout: LONGEST };
  return (
    createTwoFilesPatch(names[0], names[1], old, now, undefined, undefined, options) ?? `too much differs: ${name}\n`
  );
}

const FILE_HEADERS = { includeIndex: false, includeUnderline: false, includeFileHeaders: true };

/** Empty for a file that is not there, undefined for what is no text. */
async function textOf(
  repository: IndexedRepository,
  item: Item | undefined,
  path: Uint8Array,
): Promise<string | undefined> {
  const node = item?.node;
  if (item === undefined || node === undefined) return '';
  if (node.size > LARGEST_TEXT) return undefined;
  const bytes = item.isOnDisk ? readDisk(path) : await readStored(repository, item, path);
  return bytes.includes(0) ? undefined : decodeUtf8(bytes);
}

async function readStored(repository: IndexedRepository, { node }: Item, path: Uint8Array): Promise<Uint8Array> {
  if (node === undefined) return new Uint8Array();
  const reader = new BlobReader(repository);
  const bytes = Buffer.alloc(node.size);
  let at = 0;
  for await (const stretch of readNodeContent(repository, (kind, key) => reader.load(kind, key), node, path)) {
    if (stretch.type === 'data') bytes.set(stretch.bytes, at);
    at += stretch.type === 'data' ? stretch.bytes.length : stretch.length;
  }
  return bytes;
}

function readDisk(path: Uint8Array): Uint8Array {
  try {
    const fd = openForReading(path);
    try {
      return readFileSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw new NeoError('failed', messageOf(error), { cause: error });
  }
}
