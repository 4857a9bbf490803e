/**
 * A regular file being restored. Its pieces may come in any order and from any thread: `ftruncate` first, then writes at
 * offsets; what is never written stays a hole. A new file has a temporary name and mode 0600 until it is complete, so a
 * crash never leaves half a file under its name and nobody reads it before its mode is right.
 */
import type { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { displayBytes } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { EntryMetadata } from './apply.ts';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, loadLibc } from './libc.ts';
import type { DescriptorPool, Reopenable } from './writer-descriptors.ts';
import type { TargetDirectory } from './writer-directory.ts';
import { failConfinement, failWrite } from './writer-errors.ts';

const { O_RDWR, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
const ZEROS = new Uint8Array(65_536);

/** What a file needs from its target. */
export interface FileOwner {
  readonly pool: DescriptorPool;
  readonly byDescriptor: boolean;
  /** Metadata, fsync, rename: everything between the last byte and the final name. */
  finish(file: TargetFile, metadata: EntryMetadata): void;
}

/** The place of a file: `stored` is its name on disk now, `name` the final one (the same buffer for a file updated in place). */
export interface FilePlace {
  readonly directory: TargetDirectory;
  readonly name: Buffer;
  readonly stored: Buffer;
  readonly overwrite: boolean;
}

/** All bytes at `offset` of a descriptor, for any thread. @throws NeoError no-space, failed; `path` is for the message */
export function writeAt(fd: number, bytes: Uint8Array, offset: number, path: Uint8Array): void {
  try {
    for (let done = 0; done < bytes.length; ) {
      done += fs.writeSync(fd, bytes, done, bytes.length - done, offset + done);
    }
  } catch (error) {
    failWrite(error, path, 'write');
  }
}

export class TargetFile implements Reopenable {
  readonly place: FilePlace;
  readonly size: number;
  readonly #owner: FileOwner;
  readonly #identity: { readonly dev: bigint; readonly ino: bigint };
  #open = true;

  /** Takes over `fd`, truncates to `size`. Made by RestoreTarget only. */
  constructor(owner: FileOwner, place: FilePlace, fd: number, size: number) {
    this.#owner = owner;
    this.place = place;
    this.size = size;
    const stats = fs.fstatSync(fd, { bigint: true });
    this.#identity = { dev: stats.dev, ino: stats.ino };
    owner.pool.adopt(this, fd);
    try {
      fs.ftruncateSync(fd, size);
    } catch (error) {
      this.abandon();
      failWrite(error, this.path, 'make room for');
    }
  }

  get parent(): TargetDirectory | undefined {
    return this.#owner.byDescriptor ? this.place.directory : undefined;
  }

  /** Final path relative to the target. */
  get path(): Buffer {
    return this.place.directory.pathOf(this.place.name);
  }

  get inPlace(): boolean {
    return this.place.stored === this.place.name;
  }

  /**
   * A descriptor for writing at offsets (writeAt), usable by every thread until {@link release}; calls nest. Not released,
   * it counts against the bound of open files for ever; used after release, it may belong to another file.
   */
  acquire(): number {
    return this.#owner.pool.acquire(this);
  }

  release(): void {
    this.#owner.pool.release(this);
  }

  /** @throws NeoError no-space, failed; integrity for bytes past the file's size */
  write(bytes: Uint8Array, offset: number): void {
    if (offset < 0 || offset + bytes.length > this.size) {
      throw new NeoError('integrity', `the snapshot has bytes past the end of ${displayBytes(this.path)}`);
    }
    this.#owner.pool.use(this, (fd) => writeAt(fd, bytes, offset, this.path));
  }

  /** Zeros without disk blocks where the file system can; needed only in a file updated in place. */
  punch(offset: number, length: number): void {
    if (length <= 0) return;
    this.#owner.pool.use(this, (fd) => {
      const flags = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
      if ((loadLibc()?.fallocate(fd, flags, offset, length) ?? -1) >= 0) return;
      for (let done = 0; done < length; done += ZEROS.length) {
        writeAt(fd, ZEROS.subarray(0, Math.min(ZEROS.length, length - done)), offset + done, this.path);
      }
    });
  }

  /**
   * Metadata, fsync when asked, then the final name. All descriptors must be released. On failure the file is abandoned.
   * @throws NeoError already-exists (`overwrite: false`, or a directory in its place), no-space, permission-denied, failed;
   * integrity when another thread wrote past its size
   */
  complete(metadata: EntryMetadata): void {
    try {
      this.#owner.finish(this, metadata);
    } catch (error) {
      this.abandon();
      throw error;
    }
    this.#open = false;
    this.#owner.pool.close(this);
  }

  /** Closes the file, and removes it unless it was updated in place. Never throws. */
  abandon(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#owner.pool.close(this);
    if (this.inPlace) return;
    try {
      this.place.directory.use((at) => fs.unlinkSync(at(this.place.stored)));
    } catch {
      // It has no final name: the next restore's listing shows it as a leftover.
    }
  }

  /** For the descriptor pool: the same file or nothing. */
  open(): number {
    const { directory, stored } = this.place;
    const fd = directory.use((at) => fs.openSync(at(stored), O_RDWR | O_NOFOLLOW | O_NONBLOCK));
    const stats = fs.fstatSync(fd, { bigint: true });
    if (stats.dev === this.#identity.dev && stats.ino === this.#identity.ino) return fd;
    fs.closeSync(fd);
    return failConfinement(this.path);
  }
}
