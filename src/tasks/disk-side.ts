/** The disk as a tree that can be compared with one of a snapshot. It is only read, and atimes stay. */
import { closeSync, readSync } from 'node:fs';
import { equalBytes } from '../core/bytes.ts';
import { messageOf, NeoError } from '../core/errors.ts';
import type { Engine } from '../engine/engine.ts';
import { openDirectory, readNames } from '../fs/directory.ts';
import { openForReading } from '../fs/open-reading.ts';
import { baseName, joinPath, pathOfLatin1 } from '../fs/path.ts';
import { type FileStat, lstatPath, readLink } from '../fs/stat.ts';
import { BlobReader } from '../repo/blob-reader.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { loadContent } from '../snapshot/content.ts';
import { decodeExtents } from '../snapshot/extents.ts';
import { contentIdentity } from '../snapshot/identity.ts';
import type { Extent, Node } from '../snapshot/node.ts';
import type { LoadBlob } from '../snapshot/tree.ts';
import type { DiffSide, Directory, Item } from './diff-side.ts';

/** What stands at a path of the disk. Symbolic links are not followed. */
export function diskSide(repository: IndexedRepository, path: Uint8Array): DiffSide {
  const reader = new BlobReader(repository);
  const disk: Disk = {
    engine: repository.engine,
    key: repository.keys.content.file,
    load: (kind, key) => reader.load(kind, key),
  };
  return { path, root: diskItem(disk, path) };
}

interface Disk {
  readonly engine: Engine;
  /** For hashes of files' contents. */
  readonly key: Uint8Array;
  readonly load: LoadBlob;
}

/** @throws NeoError failed when the system does not say what it is */
function diskItem(disk: Disk, path: Uint8Array): Item | undefined {
  const node = systemCall(() => {
    const stat = lstatPath(path);
    return stat === undefined ? undefined : nodeOf(path, stat);
  });
  if (node === undefined) return undefined;
  return {
    name: node.name,
    node,
    directory: node.type === 'directory' ? diskDirectory(disk, path) : undefined,
    isOnDisk: true,
    holds: async (wanted) => holds(disk, path, node, wanted),
  };
}

function nodeOf(path: Uint8Array, stat: FileStat): Node {
  const { type, mode, uid, gid, mtime, ctime, inode, links, rdev } = stat;
  return {
    name: baseName(path),
    type,
    mode,
    uid,
    gid,
    mtime,
    ctime,
    inode,
    device: 0,
    links: type === 'directory' ? 1 : links,
    size: type === 'file' ? stat.size : 0,
    ...(type === 'symlink' ? { target: readLink(path) } : {}),
    ...(type === 'chardev' || type === 'blockdev' ? { rdev } : {}),
  };
}

function diskDirectory(disk: Disk, path: Uint8Array): Directory {
  return {
    key: undefined,
    async *items() {
      for (const name of namesIn(path)) {
        // One that went since the names were read is not there.
        const item = diskItem(disk, joinPath(path, pathOfLatin1(name)));
        if (item !== undefined) yield item;
      }
    },
  };
}

function namesIn(path: Uint8Array): readonly string[] {
  return systemCall(() => {
    const fd = openDirectory(path);
    try {
      const { names, error } = readNames(fd, path);
      if (error !== undefined) throw error;
      return names;
    } finally {
      closeSync(fd);
    }
  });
}

/** @throws NeoError failed in place of the system's error */
function systemCall<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new NeoError('failed', messageOf(error), { cause: error });
  }
}

async function holds(disk: Disk, path: Uint8Array, node: Node, wanted: Node): Promise<boolean> {
  if (node.type !== wanted.type) return false;
  if (node.type !== 'file') return contentIdentity(node) === contentIdentity(wanted);
  if (node.size !== wanted.size) return false;
  const { extentContent } = wanted;
  const extents =
    extentContent === undefined ? wanted.extents : decodeExtents(await loadContent(disk.load, extentContent));
  const hash = hashOf(disk, path, extents ?? [{ offset: 0, length: node.size }]);
  if (hash === undefined) return false;
  return wanted.contentHash === undefined ? true : equalBytes(hash, wanted.contentHash);
}

const PIECE = Buffer.alloc(1 << 20);

/**
 * Of what lies in the extents; undefined if anything else is no zero, or the file has ended before.
 * @throws NeoError failed
 */
function hashOf({ engine, key }: Disk, path: Uint8Array, extents: readonly Extent[]): Uint8Array | undefined {
  return systemCall(() => {
    const hasher = engine.blake3Hasher(key);
    const fd = openForReading(path);
    try {
      let at = 0;
      for (const { offset, length } of extents) {
        if (!eachPiece(fd, at, offset - at, isZero)) return undefined;
        if (!eachPiece(fd, offset, length, (bytes) => hasher.update(bytes))) return undefined;
        at = offset + length;
      }
      return eachPiece(fd, at, Number.MAX_SAFE_INTEGER, isZero, true) ? hasher.digest() : undefined;
    } finally {
      closeSync(fd);
    }
  });
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** False when the file ends before (unless it may), or `take` says so. */
function eachPiece(
  fd: number,
  from: number,
  length: number,
  take: (bytes: Uint8Array) => unknown,
  mayEnd = false,
): boolean {
  for (let at = from; at < from + length; ) {
    const got = readSync(fd, PIECE, 0, Math.min(PIECE.length, from + length - at), at);
    if (got === 0) return mayEnd;
    if (take(PIECE.subarray(0, got)) === false) return false;
    at += got;
  }
  return true;
}
