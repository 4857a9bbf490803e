/**
 * The target of a restore: nothing is ever written outside of it, whatever the repository says (writer-directory.ts has
 * the how). All calls are synchronous. The main thread plans directories and files here; other threads may write at
 * offsets through acquired descriptors (TargetFile.acquire, writeAt), which belong to the whole process.
 *
 * Order of work: `directory` down to the entries, create files (`createFile`), fill and `complete` them, links, then
 * `finishDirectories`, then `close`.
 */
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { displayBytes } from '../core/bytes.ts';
import { isNeoError, messageOf, NeoError } from '../core/errors.ts';
import { type Random, systemRandom } from '../core/random.ts';
import { type ApplyOptions, type ApplyProblem, applyMetadata, type EntryMetadata } from './apply.ts';
import { type EntryStat, statEntry } from './entry-stat.ts';
import { O_PATH } from './libc.ts';
import { makeDirectories } from './make-directories.ts';
import { DescriptorPool } from './writer-descriptors.ts';
import { type Confinement, TargetDirectory, tryMakeDirectory } from './writer-directory.ts';
import { failConfinement, failTarget, failWrite } from './writer-errors.ts';
import { type FileOwner, type FilePlace, TargetFile } from './writer-file.ts';
import { isDirectoryMet } from './writer-met.ts';
import { checkName, temporaryName } from './writer-name.ts';
import { moveIntoPlace, type Placement, placeEntry, type SpecialEntry } from './writer-place.ts';
import { listEntries, makeWritable, removeEntry } from './writer-remove.ts';

const { O_RDWR, O_RDONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

export interface RestoreTargetOptions {
  /** An existing entry of another kind (a directory where a file shall be, a file where a directory shall be) is removed
   * with all below it. Default false: already-exists. */
  readonly replace?: boolean;
  /** Character and block devices may be created. Default false: refused as integrity. */
  readonly devices?: boolean;
  /** Default true. False: files belong to whoever runs this. */
  readonly owners?: boolean;
  /** Default false. */
  readonly securityAttributes?: boolean;
  /** 'file': files and directories are flushed before they get their name or times. Default 'none'. */
  readonly sync?: 'none' | 'file';
  /** Bound of open descriptors, directories and files together. Default 512. */
  readonly openFiles?: number;
  readonly onProblem?: (problem: ApplyProblem) => void;
  /** Said once for a whole restore. */
  readonly onNote?: (message: string) => void;
  readonly random?: Random;
  /** Pretend that there is no /proc, for tests. */
  readonly withoutProc?: boolean;
}

export interface CreateOptions {
  /** False: an existing entry stays, and completing is already-exists. Default true: it is replaced, atomically. */
  readonly overwrite?: boolean;
}

export class RestoreTarget implements FileOwner, Placement, Confinement {
  readonly root: TargetDirectory;
  readonly pool: DescriptorPool;
  readonly byDescriptor: boolean;
  readonly rootPath: Buffer;
  readonly devices: boolean;
  readonly #replace: boolean;
  readonly #sync: boolean;
  readonly #random: Random;
  readonly #apply: ApplyOptions;
  readonly #deferred: { readonly directory: TargetDirectory; readonly metadata: EntryMetadata }[] = [];
  /** Directories that were opened up for filling, with the mode they had. */
  readonly #loosened = new Map<TargetDirectory, number>();

  private constructor(path: Buffer, options: RestoreTargetOptions, byDescriptor: boolean) {
    this.rootPath = path;
    this.pool = new DescriptorPool(Math.max(8, options.openFiles ?? 512));
    this.byDescriptor = byDescriptor;
    this.devices = options.devices ?? false;
    this.#replace = options.replace ?? false;
    this.#sync = options.sync === 'file';
    this.#random = options.random ?? systemRandom;
    this.#apply = applyOptions(options);
    this.root = new TargetDirectory(this, undefined, Buffer.alloc(0));
    if (!this.byDescriptor) {
      options.onNote?.(
        '/proc is missing: symlinks are not followed, but keep other programs from renaming in the target',
      );
    }
  }

  /** Makes the directory at `path` if it is missing; symlinks in `path` itself are the user's and are followed. */
  static open(path: string | Buffer, options: RestoreTargetOptions = {}): RestoreTarget {
    const bytes = Buffer.from(path);
    try {
      makeDirectories(bytes);
      const path = fs.realpathSync(bytes, { encoding: 'buffer' });
      return new RestoreTarget(path, options, options.withoutProc !== true && procWorks(path));
    } catch (error) {
      return failTarget(error, bytes);
    }
  }

  /**
   * A directory of another thread's target as a target of its own, by a descriptor that stays acquired there meanwhile.
   * Only where that target is {@link byDescriptor}. Names claimed here are not known there.
   */
  static atDescriptor(fd: number, options: RestoreTargetOptions = {}): RestoreTarget {
    return new RestoreTarget(Buffer.from(`/proc/self/fd/${fd}`), options, true);
  }

  /**
   * A directory below another, made (0700 until its metadata comes) or reused. It is opened up for filling.
   * @throws NeoError integrity (unsafe or double name), already-exists (something else is there, without `replace`)
   */
  directory(parent: TargetDirectory, name: Uint8Array): TargetDirectory {
    parent.claim(name);
    const directory = new TargetDirectory(this, parent, name);
    try {
      if (!this.#makeDirectory(parent, name)) this.#loosen(directory);
    } catch (error) {
      failWrite(error, directory.path, 'create directory');
    }
    return directory;
  }

  /** True when it is new. */
  #makeDirectory(parent: TargetDirectory, name: Uint8Array): boolean {
    if (tryMakeDirectory(parent, name)) return true;
    if (this.stat(parent, name)?.isDirectory() === true) return false;
    this.makePlace(parent, name);
    return tryMakeDirectory(parent, name) || failConfinement(parent.pathOf(name));
  }

  /** Opens the target's own directory up for filling, until it gets its metadata or {@link close}. */
  loosenRoot(): void {
    this.#loosen(this.root);
  }

  #loosen(directory: TargetDirectory): void {
    const mode = makeWritable(directory);
    if (mode !== undefined) this.#loosened.set(directory, mode);
  }

  /** Removes what is in the way. @throws NeoError already-exists without `replace` */
  makePlace(directory: TargetDirectory, name: Uint8Array, cause?: unknown): void {
    if (!this.#replace) {
      throw new NeoError(
        'already-exists',
        `${displayBytes(directory.pathOf(name))} is there already, and is of another kind`,
        {
          cause,
          hint: 'allow replacing, or restore to an empty directory',
        },
      );
    }
    removeEntry(this, directory, name);
  }

  /**
   * A new regular file of `size` bytes, all hole, under a temporary name until {@link TargetFile.complete}.
   * @throws NeoError integrity, no-space, permission-denied, failed
   */
  createFile(directory: TargetDirectory, name: Uint8Array, size: number, options: CreateOptions = {}): TargetFile {
    directory.claim(name);
    const stored = this.temporaryName();
    const place = { directory, name: Buffer.from(name), stored, overwrite: options.overwrite ?? true };
    const flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
    return this.#openFile(place, flags, size, 'create');
  }

  /**
   * An existing regular file, to be changed where it lies: cut or grown to `size`, other bytes stay until they are written.
   * Undefined when there is none that can be: missing, of another kind, not permitted, or with other hard links, which may
   * lie outside of the target (unless `linked` says that they are known). Whoever has the file open sees the new bytes.
   * Its mode is 0600 until it is complete; a crash leaves it mixed.
   */
  updateFile(
    directory: TargetDirectory,
    name: Uint8Array,
    size: number,
    options: { readonly linked?: boolean } = {},
  ): TargetFile | undefined {
    const existing = this.stat(directory, name);
    if (existing === undefined || !existing.isFile()) return undefined;
    if (existing.nlink > 1n && options.linked !== true) return undefined;
    directory.claim(name);
    const stored = Buffer.from(name);
    const place = { directory, name: stored, stored, overwrite: true };
    try {
      return this.#openFile(place, O_RDWR | O_NOFOLLOW | O_NONBLOCK, size, 'update');
    } catch (error) {
      if (!isNeoError(error, 'permission-denied')) throw error;
      directory.unclaim(name);
      return undefined;
    }
  }

  #openFile(place: FilePlace, flags: number, size: number, what: string): TargetFile {
    const { directory, stored, name } = place;
    const path = directory.pathOf(name);
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new NeoError('integrity', `impossible size in the snapshot: ${displayBytes(path)}`);
    }
    try {
      const fd = directory.use((at) => this.pool.open(() => fs.openSync(at(stored), flags, 0o600)));
      try {
        if (place.stored === place.name) fs.fchmodSync(fd, 0o600);
      } catch (error) {
        fs.closeSync(fd);
        throw error;
      }
      return new TargetFile(this, place, fd, size);
    } catch (error) {
      return failWrite(error, path, what);
    }
  }

  /** An existing regular file for reading (its bytes may save a download); the caller closes it. Undefined if there is none. */
  openExisting(directory: TargetDirectory, name: Uint8Array): number | undefined {
    checkName(name);
    try {
      const fd = directory.use((at) => this.pool.open(() => fs.openSync(at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)));
      if (fs.fstatSync(fd).isFile()) return fd;
      fs.closeSync(fd);
    } catch {
      // Not readable is as good as not there: the bytes come from the repository.
    }
    return undefined;
  }

  /** Symlink, hard link, fifo, socket or device, with its metadata, atomically under its name. See {@link SpecialEntry}. */
  place(directory: TargetDirectory, name: Uint8Array, entry: SpecialEntry, options: CreateOptions = {}): void {
    directory.claim(name);
    placeEntry(this, directory, name, entry, options.overwrite ?? true);
  }

  /** lstat of an entry, or undefined. */
  stat(directory: TargetDirectory, name: Uint8Array): EntryStat | undefined {
    checkName(name);
    try {
      return directory.use((at, _self, fd) => {
        const found = fd === undefined ? undefined : statEntry(fd, name);
        if (found === 'missing') return undefined;
        return found ?? fs.lstatSync(at(name), { bigint: true, throwIfNoEntry: false });
      });
    } catch (error) {
      return failWrite(error, directory.pathOf(name), 'look at');
    }
  }

  /** All entries, also leftovers of an interrupted restore (isTemporaryName). */
  list(directory: TargetDirectory): readonly Buffer[] {
    try {
      return listEntries(directory);
    } catch (error) {
      return failWrite(error, directory.path, 'list');
    }
  }

  /** An entry and all below it. @throws NeoError integrity (unsafe name), permission-denied, failed */
  remove(directory: TargetDirectory, name: Uint8Array): void {
    checkName(name);
    removeEntry(this, directory, name);
  }

  /** Metadata onto an entry that is there already and stays. */
  apply(directory: TargetDirectory, name: Uint8Array, metadata: EntryMetadata): void {
    checkName(name);
    const path = directory.pathOf(name);
    try {
      this.applyTo(directory, name, path, metadata);
    } catch (error) {
      failWrite(error, path, 'apply metadata to');
    }
  }

  /** Remembers a directory's metadata for {@link finishDirectories}. */
  deferDirectory(directory: TargetDirectory, metadata: EntryMetadata): void {
    this.#deferred.push({ directory, metadata });
  }

  /** Metadata of the remembered directories, the deepest first; after this nothing may be written below them. One that is
   * gone is a problem reported, the others are still finished. */
  finishDirectories(): void {
    this.#deferred.sort((a, b) => b.directory.depth - a.directory.depth);
    for (const { directory, metadata } of this.#deferred) {
      try {
        this.finishDirectory(directory, metadata);
      } catch (error) {
        this.#apply.onProblem({ what: 'directory', path: directory.path, message: messageOf(error) });
      }
    }
    this.#deferred.length = 0;
  }

  /** Metadata of one directory in which nothing is written any more. */
  finishDirectory(directory: TargetDirectory, metadata: EntryMetadata): void {
    try {
      directory.use((_at, self, fd) => {
        if (this.#sync) syncPath(self);
        if (fd !== undefined && isDirectoryMet(fd, self, metadata, this.#apply)) return;
        applyMetadata({ handle: self, plainPath: !this.byDescriptor, path: directory.path }, metadata, this.#apply);
      });
    } catch (error) {
      failWrite(error, directory.path, 'finish directory');
    }
    this.#loosened.delete(directory);
    this.pool.close(directory);
  }

  /** Gives directories that got no metadata their old mode back, and closes every descriptor. */
  close(): void {
    const deepestFirst = [...this.#loosened].sort((a, b) => b[0].depth - a[0].depth);
    this.#loosened.clear();
    for (const [directory, mode] of deepestFirst) {
      try {
        directory.use((_at, self) => fs.chmodSync(self, mode));
      } catch {
        // Removed meanwhile.
      }
    }
    this.pool.closeAll();
  }

  temporaryName(): Buffer {
    return temporaryName(this.#random);
  }

  /** Metadata onto an entry by its name on disk; pinned by a descriptor where there is /proc. */
  applyTo(directory: TargetDirectory, stored: Uint8Array, path: Uint8Array, metadata: EntryMetadata): void {
    directory.use((at) => {
      if (!this.byDescriptor) {
        applyMetadata({ handle: at(stored), plainPath: true, path }, metadata, this.#apply);
        return;
      }
      const fd = this.pool.open(() => fs.openSync(at(stored), O_PATH | O_NOFOLLOW));
      try {
        applyMetadata({ handle: Buffer.from(`/proc/self/fd/${fd}`), plainPath: false, path }, metadata, this.#apply);
      } finally {
        fs.closeSync(fd);
      }
    });
  }

  /** For TargetFile.complete. */
  finish(file: TargetFile, metadata: EntryMetadata): void {
    const { place } = file;
    try {
      this.pool.use(file, (fd) => {
        const handle = Buffer.from(`/proc/self/fd/${fd}`);
        if (fs.fstatSync(fd).size !== file.size) {
          throw new NeoError('integrity', `${displayBytes(file.path)} was written past its size`);
        }
        if (this.byDescriptor) applyMetadata({ handle, plainPath: false, path: file.path }, metadata, this.#apply);
        else this.applyTo(place.directory, place.stored, file.path, metadata);
        if (this.#sync) fs.fsyncSync(fd);
      });
      if (!file.inPlace) moveIntoPlace(this, place.directory, place.stored, place.name, place.overwrite);
    } catch (error) {
      failWrite(error, file.path, 'complete');
    }
  }
}

/** The owner's refusal is said once. */
export function applyOptions(
  options: Pick<RestoreTargetOptions, 'owners' | 'securityAttributes' | 'onProblem' | 'onNote'>,
): ApplyOptions {
  let told = false;
  return {
    owners: options.owners ?? true,
    securityAttributes: options.securityAttributes ?? false,
    onProblem: options.onProblem ?? (() => undefined),
    onOwnerRefused: (_path, message) => {
      if (told) return;
      told = true;
      options.onNote?.(`owners were not restored (${message}); setuid and setgid were dropped`);
    },
  };
}

/** Whether /proc/self/fd leads to what a descriptor holds: not on other systems, not in every container. */
function procWorks(path: Buffer): boolean {
  try {
    const fd = fs.openSync(path, O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      const [a, b] = [fs.fstatSync(fd, { bigint: true }), fs.statSync(`/proc/self/fd/${fd}`, { bigint: true })];
      return a.dev === b.dev && a.ino === b.ino;
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    return false;
  }
}

function syncPath(path: Buffer): void {
  const fd = fs.openSync(path, O_RDONLY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
