/**
 * New regular files in one go, for a thread that has all bytes of each: made under a temporary name, filled, given the
 * metadata and then the name. What a file of TargetFile gets call by call is done here only where it can be needed:
 * a file just made has no attributes but those that its directory hands down, and mostly the right owner and mode.
 */
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { displayBytes } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type Random, systemRandom } from '../core/random.ts';
import { type ApplyOptions, type ApplyProblem, applyMetadata, type EntryMetadata } from './apply.ts';
import { handsDownAttributes } from './apply-attributes.ts';
import { loadLibc, throwErrno, UTIME_OMIT } from './libc.ts';
import { applyOptions, RestoreTarget } from './writer.ts';
import { failWrite } from './writer-errors.ts';
import { checkName, temporaryName } from './writer-name.ts';
import { renameInto } from './writer-place.ts';

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants;
const SPECIAL_BITS = 0o7000;
const SETUID_SETGID = 0o6000;

export interface FreshFilesOptions {
  readonly owners: boolean;
  readonly securityAttributes: boolean;
  readonly sync: boolean;
  /** A directory in the place of a file is removed with all below it. */
  readonly replace: boolean;
  readonly onProblem: (problem: ApplyProblem) => void;
  readonly onNote: (message: string) => void;
  readonly random?: Random;
}

export interface FreshFile {
  readonly name: Uint8Array;
  readonly size: number;
  readonly overwrite: boolean;
  readonly metadata: EntryMetadata;
}

/** Files of one directory, by its descriptor, which stays open meanwhile (writer-directory.ts); names are not claimed. */
export class FreshFiles {
  readonly #fd: number;
  readonly #options: FreshFilesOptions;
  readonly #apply: ApplyOptions;
  readonly #random: Random;
  readonly #libc = loadLibc();
  readonly #user = process.geteuid?.();
  /** For calls by path. */
  readonly #at: Buffer;
  #plain: boolean | undefined;

  constructor(fd: number, options: FreshFilesOptions) {
    this.#fd = fd;
    this.#options = options;
    this.#apply = applyOptions(options);
    this.#random = options.random ?? systemRandom;
    this.#at = Buffer.from(`/proc/self/fd/${fd}/`);
  }

  /**
   * @param fill writes at offsets; what it leaves out is hole
   * @throws NeoError integrity (unsafe name, impossible size, bytes past the size), already-exists, no-space,
   * permission-denied, failed; nothing is left then
   */
  make(file: FreshFile, fill: (fd: number) => void): void {
    checkName(file.name);
    if (!Number.isSafeInteger(file.size) || file.size < 0) {
      throw new NeoError('integrity', `impossible size in the snapshot: ${displayBytes(file.name)}`);
    }
    const stored = temporaryName(this.#random);
    const fd = this.#create(stored, file);
    try {
      fill(fd);
      this.#finish(fd, stored, file);
    } catch (error) {
      unlinkQuietly(this.#path(stored));
      failWrite(error, file.name, 'complete');
    } finally {
      fs.closeSync(fd);
    }
  }

  #create(stored: Buffer, { name, metadata }: FreshFile): number {
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    const mode = this.#isPlain() ? firstMode(metadata, this.#user) : 0o600;
    try {
      const fd = this.#libc?.openat(this.#fd, stored, flags, mode);
      return fd === undefined ? fs.openSync(this.#path(stored), flags, mode) : throwErrno(fd, 'open');
    } catch (error) {
      return failWrite(error, name, 'create');
    }
  }

  #finish(fd: number, stored: Buffer, file: FreshFile): void {
    const stats = fs.fstatSync(fd);
    if (stats.size > file.size) {
      throw new NeoError('integrity', `${displayBytes(file.name)} was written past its size`);
    }
    if (stats.size < file.size) fs.ftruncateSync(fd, file.size);
    if (!this.#applyQuickly(fd, stats, file.metadata)) {
      const handle = Buffer.from(`/proc/self/fd/${fd}`);
      applyMetadata({ handle, plainPath: false, path: file.name }, file.metadata, this.#apply);
    }
    if (this.#options.sync) fs.fsyncSync(fd);
    this.#rename(stored, file);
  }

  /** By descriptor and name, as it was opened: to go through /proc takes as long as the renaming. */
  #rename(stored: Buffer, { name, overwrite }: FreshFile): void {
    if (overwrite && (this.#libc?.renameat(this.#fd, stored, this.#fd, name) ?? -1) >= 0) return;
    renameInto(this.#path(stored), this.#path(name), overwrite, (cause) => this.#makePlace(name, cause));
  }

  #path(name: Uint8Array): Buffer {
    return Buffer.concat([this.#at, name]);
  }

  /** False where something has to be looked at, or reported: then {@link applyMetadata} does all of it. */
  #applyQuickly(fd: number, stats: fs.Stats, metadata: EntryMetadata): boolean {
    const libc = this.#libc;
    if (libc === undefined || metadata.attributes?.length !== 0 || !this.#isPlain()) return false;
    const { uid, gid, atime, mtime } = metadata;
    const isOwner = stats.uid === uid && stats.gid === gid;
    if (!isOwner && this.#options.owners) return false;
    const mode = isOwner ? metadata.mode & 0o7777 : metadata.mode & 0o7777 & ~SETUID_SETGID;
    try {
      if ((stats.mode & 0o7777) !== mode) fs.fchmodSync(fd, mode);
    } catch {
      return false;
    }
    return libc.futimens(fd, atime ?? UTIME_OMIT, mtime) >= 0;
  }

  #isPlain(): boolean {
    this.#plain ??= !this.#options.securityAttributes && !handsDownAttributes(this.#at);
    return this.#plain;
  }

  #makePlace(name: Uint8Array, cause: unknown): void {
    const target = RestoreTarget.atDescriptor(this.#fd, { replace: this.#options.replace });
    try {
      target.makePlace(target.root, name, cause);
    } finally {
      target.close();
    }
  }
}

/**
 * The final mode only where nobody can read what he may not read in the end: the owner is right from the start, group
 * and others have the same rights, and no attribute is to give or take any. Otherwise 0600, until the owner is right.
 */
function firstMode({ mode, uid, attributes }: EntryMetadata, user: number | undefined): number {
  const alike = ((mode >> 3) & 7) === (mode & 7);
  const final = alike && (mode & SPECIAL_BITS) === 0 && uid === user && attributes?.length === 0;
  return final ? mode : 0o600;
}

function unlinkQuietly(path: Buffer): void {
  try {
    fs.unlinkSync(path);
  } catch {
    // It has no final name: the next restore's listing shows it as a leftover.
  }
}
