/**
 * A directory inside a restore target, addressed so that no symlink is ever written through: by the descriptor of the
 * directory itself, `/proc/self/fd/<n>/<name>`. That also has no limit of 4,096 bytes for a path. Without /proc (other
 * systems, some containers) every parent is checked by lstat before each call instead: a symlink that was restored
 * earlier is then never followed, but a race with another process can be lost (measured: with 300,000 swaps a second by
 * renameat2, 4 of 100 files; by descriptor none of 48,000).
 */
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { constants } from 'node:os';
import { displayBytes } from '../core/bytes.ts';
import { NeoError, systemCode } from '../core/errors.ts';
import { loadLibc, O_PATH, throwErrno } from './libc.ts';
import { asBuffer } from './path.ts';
import type { DescriptorPool, Reopenable } from './writer-descriptors.ts';
import { failConfinement, failWrite } from './writer-errors.ts';
import { checkName } from './writer-name.ts';

const { O_DIRECTORY, O_NOFOLLOW } = fs.constants;
const SLASH = Buffer.from('/');

/** What all directories of one target share. */
export interface Confinement {
  readonly rootPath: Buffer;
  readonly pool: DescriptorPool;
  /** /proc/self/fd works here. */
  readonly byDescriptor: boolean;
}

/** Path of an entry of the directory in hand, valid only inside {@link TargetDirectory.use}. */
export type EntryPath = (name: Uint8Array) => Buffer;

export class TargetDirectory implements Reopenable {
  readonly parent: TargetDirectory | undefined;
  readonly depth: number;
  readonly name: Buffer;
  readonly #within: Confinement;
  #claimed: Set<string> | undefined;

  /** `name` is one component below `parent`; ignored for the root. @throws NeoError integrity for an unsafe name */
  constructor(within: Confinement, parent: TargetDirectory | undefined, name: Uint8Array) {
    if (parent !== undefined) checkName(name);
    this.#within = within;
    this.parent = parent;
    this.depth = parent === undefined ? 0 : parent.depth + 1;
    this.name = Buffer.from(name);
  }

  /** Relative to the target, for people and for calls without /proc; the root's is empty. */
  get path(): Buffer {
    const parts: Buffer[] = [];
    for (let at: TargetDirectory = this; at.parent !== undefined; at = at.parent) parts.push(at.name);
    return Buffer.concat(parts.reverse().flatMap((part, index) => (index === 0 ? [part] : [SLASH, part])));
  }

  /** Path of an entry relative to the target, for messages. */
  pathOf(name: Uint8Array): Buffer {
    return this.parent === undefined ? Buffer.from(name) : Buffer.concat([this.path, SLASH, name]);
  }

  /**
   * Marks a name as written in this run.
   * @throws NeoError integrity when it was already: one directory cannot hold a name twice
   */
  claim(name: Uint8Array): void {
    checkName(name);
    this.#claimed ??= new Set();
    const key = asBuffer(name).toString('latin1');
    if (this.#claimed.has(key)) {
      throw new NeoError('integrity', `the snapshot holds ${displayBytes(this.pathOf(name))} twice`);
    }
    this.#claimed.add(key);
  }

  /** Takes a claim back, when nothing was written after all. */
  unclaim(name: Uint8Array): void {
    this.#claimed?.delete(asBuffer(name).toString('latin1'));
  }

  /** Forgets the claimed names, once all entries of this directory are planned. */
  release(): void {
    this.#claimed = undefined;
  }

  /** Runs `body` with paths of entries that cannot leave this directory; its descriptor, where there is /proc. @throws NeoError integrity: no directory now */
  use<T>(body: (at: EntryPath, self: Buffer, fd: number | undefined) => T): T {
    const { byDescriptor, pool } = this.#within;
    if (!byDescriptor) {
      const self = this.#checkedPath();
      return body((name) => Buffer.concat([self, SLASH, name]), self, undefined);
    }
    return pool.use(this, (fd) => {
      const self = Buffer.from(`/proc/self/fd/${fd}`);
      return body((name) => Buffer.concat([self, SLASH, name]), self, fd);
    });
  }

  /** For the descriptor pool. */
  open(parentFd: number): number {
    // O_PATH: a handle for addressing alone, which needs no permission to read.
    const flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
    if (this.parent === undefined) return fs.openSync(this.#within.rootPath, O_PATH | O_DIRECTORY);
    try {
      return fs.openSync(Buffer.concat([Buffer.from(`/proc/self/fd/${parentFd}/`), this.name]), flags);
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOTDIR' || code === 'ELOOP') failConfinement(this.path, error);
      // For the pool, which knows what to do.
      if (code === 'EMFILE' || code === 'ENFILE') throw error;
      return failWrite(error, this.path, 'enter');
    }
  }

  #checkedPath(): Buffer {
    const chain: TargetDirectory[] = [];
    for (let at: TargetDirectory = this; at.parent !== undefined; at = at.parent) chain.push(at);
    let path = this.#within.rootPath;
    for (let next = chain.pop(); next !== undefined; next = chain.pop()) {
      path = Buffer.concat([path, SLASH, next.name]);
      const stats = fs.lstatSync(path, { throwIfNoEntry: false });
      if (stats?.isDirectory() !== true) failConfinement(next.path);
    }
    return path;
  }
}

/** A directory below another, with mode 0700; false when something has that name. @throws the system's error */
export function tryMakeDirectory(parent: TargetDirectory, name: Uint8Array): boolean {
  return parent.use((at, _self, fd) => {
    const result = fd === undefined ? undefined : loadLibc()?.mkdirat(fd, name, 0o700);
    if (result !== undefined) return result !== -constants.errno.EEXIST && throwErrno(result, 'mkdir') >= 0;
    try {
      fs.mkdirSync(at(name), 0o700);
      return true;
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
      return false;
    }
  });
}
