/** The few file-system steps that durability is made of. Paths are absolute; errors are the system's own. */
import { Buffer } from 'node:buffer';
import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, unlink } from 'node:fs/promises';
import { equalBytes } from '../core/bytes.ts';
import { systemCode } from '../core/errors.ts';

/** A backup must not be readable for others: modes of what is made here (a stricter umask still applies). */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
/** One read or write call moves at most this much (Node's limit is 2 GiB). */
const CALL_BYTES = 64 * 1024 * 1024;

/** Neither follows a symbolic link nor hangs on a fifo. Windows has neither flag. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG']);

/** True for the errors that say "there is no such file (or a symbolic link is in its place)". */
export function isAbsent(error: unknown): boolean {
  return ABSENT.has(systemCode(error) ?? '');
}

/** Writes a new file and waits until its bytes are on the medium. Nothing is left behind when that fails. */
export async function writeDurably(file: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await open(file, 'wx', FILE_MODE);
  try {
    try {
      if (bytes instanceof Uint8Array) await writeAll(handle, bytes, 0);
      else await writePieces(handle, bytes);
      // On macOS libuv makes this F_FULLFSYNC. After an error the pages may be lost: the file is never tried again.
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await unlinkQuietly(file);
    throw error;
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, at, Math.min(CALL_BYTES, bytes.length - at), position + at);
    at += bytesWritten;
  }
}

async function writePieces(handle: FileHandle, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  let position = 0;
  for await (const piece of pieces) {
    await writeAll(handle, piece, position);
    position += piece.length;
  }
}

/** Waits until the names in a folder are on the medium. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder for this; NTFS journals its names.
  if (process.platform === 'win32') return;
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } catch (error) {
    // Some network and FUSE file systems cannot sync folders: there is nothing more to be had from them.
    if (!['EINVAL', 'ENOTSUP', 'ENOSYS'].includes(systemCode(error) ?? '')) throw error;
  } finally {
    await handle.close();
  }
}

/** Makes one folder (mode 0700) if it is missing. True when it did; an existing entry of any kind gives false. */
export async function makeFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, FOLDER_MODE);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** True for a folder itself, not for a symbolic link to one. */
export async function isPlainFolder(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

/** Litter is swept up later; a put that is durable must not fail for it. */
export async function unlinkQuietly(file: string): Promise<void> {
  await unlink(file).catch(() => undefined);
}

export interface OpenFile {
  readonly handle: FileHandle;
  readonly size: number;
  /** Milliseconds. */
  readonly modified: number;
}

/** A regular file, open for reading until the handle is closed; undefined when there is no such file. */
export async function openFile(file: string): Promise<OpenFile | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(file, READ_FLAGS);
  } catch (error) {
    // ENXIO: a socket, or a fifo's writing end: nothing of ours.
    if (isAbsent(error) || systemCode(error) === 'ENXIO') return undefined;
    throw error;
  }
  try {
    const stats = await handle.stat();
    if (stats.isFile()) return { handle, size: stats.size, modified: Math.floor(stats.mtimeMs) };
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

/** The same, handed to `use` and closed. */
export async function withFile<T>(
  file: string,
  use: (handle: FileHandle, size: number, modified: number) => Promise<T>,
): Promise<T | undefined> {
  const opened = await openFile(file);
  if (opened === undefined) return undefined;
  try {
    return await use(opened.handle, opened.size, opened.modified);
  } finally {
    await opened.handle.close();
  }
}

/** Up to `length` bytes from `offset`; fewer only where the file ends. The result owns its whole buffer. */
export async function readFully(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  // Not cleared: what is given back has been read, all of it.
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
  const filled = await readFullyInto(handle, offset, bytes);
  return filled < length ? bytes.slice(0, filled) : bytes;
}

/** How much of `target` the file could fill. */
export async function readFullyInto(handle: FileHandle, offset: number, target: Uint8Array): Promise<number> {
  let at = 0;
  while (at < target.length) {
    const { bytesRead } = await handle.read(target, at, Math.min(CALL_BYTES, target.length - at), offset + at);
    if (bytesRead === 0) return at;
    at += bytesRead;
  }
  return at;
}

/** Compares a file with bytes; equal ones are made durable too, for who wrote them may not have come that far. */
export async function compareDurably(file: string, bytes: Uint8Array): Promise<'absent' | 'equal' | 'other'> {
  const result = await withFile(file, async (handle, size) => {
    if (size !== bytes.length || !equalBytes(await readFully(handle, 0, size), bytes)) return 'other';
    await syncReadOnly(handle);
    return 'equal';
  });
  return result ?? 'absent';
}

/** The same for bytes that lie in another file. */
export async function compareFilesDurably(file: string, other: string): Promise<'absent' | 'equal' | 'other'> {
  const result = await withFile(file, async (handle, size) => {
    const isEqual = await withFile(other, (beside, length) => isSame(handle, beside, size === length ? size : -1));
    if (isEqual !== true) return 'other';
    await syncReadOnly(handle);
    return 'equal';
  });
  return result ?? 'absent';
}

const COMPARE_BYTES = 1 << 20;

/** `size`: of both; −1 where they differ. */
async function isSame(one: FileHandle, two: FileHandle, size: number): Promise<boolean> {
  for (let at = 0; at < size; at += COMPARE_BYTES) {
    const length = Math.min(COMPARE_BYTES, size - at);
    const [a, b] = await Promise.all([readFully(one, at, length), readFully(two, at, length)]);
    if (a.length < length || !equalBytes(a, b)) return false;
  }
  return size >= 0;
}

async function syncReadOnly(handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
  } catch (error) {
    // Windows flushes only through a handle that may write.
    if (process.platform !== 'win32') throw error;
  }
}
