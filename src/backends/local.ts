/**
 * Objects as files below a folder of a local or mounted disk.
 *
 * put: temporary file in `tmp/` → fsync(file) → hard link to the final name → fsync(folder) → temporary name removed.
 * So a name is visible only with all its bytes, and a resolved promise survives a power cut. Folders that are new, or
 * that this process meets for the first time, have the folder above them synced before anything in them counts.
 * Symbolic links and names outside the grammar below the root are ignored (the root itself may be a link).
 */
import type { Stats } from 'node:fs';
import { lstat, mkdir, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Clock, systemClock } from '../core/clock.ts';
import { NeoError, systemCode } from '../core/errors.ts';
import { type Random, systemRandom } from '../core/random.ts';
import type { ByteRange, ObjectInfo, OpenObject, ServedBackend } from './backend.ts';
import { storageError } from './local-errors.ts';
import {
  compareDurably,
  compareFilesDurably,
  isAbsent,
  isPlainFolder,
  makeFolder,
  openFile,
  readFully,
  readFullyInto,
  syncFolder,
  unlinkQuietly,
  withFile,
  writeDurably,
} from './local-files.ts';
import { openedObject } from './local-object.ts';
import { PUBLISH_WAYS, type PublishWay, publish } from './local-publish.ts';
import { hasRemoteClock, probeClock, removeLitter, temporaryName } from './local-temporary.ts';
import { walkInOrder, walkObjects } from './local-walk.ts';
import { checkFolder, checkPath, checkRange, conflict, folderOf, TEMPORARY_FOLDER } from './path.ts';

export interface LocalOptions {
  /** Make the root folder (mode 0700) and what is missing above it. Otherwise the root is never made. */
  readonly create?: boolean;
  readonly clock?: Clock;
  readonly random?: Random;
  /** How a file gets its final name; for tests of file systems without hard links. */
  readonly publishWays?: readonly PublishWay[];
}

/**
 * Opens a repository folder. One that does not exist is like an empty one for reading, and refuses puts.
 * @throws NeoError permission-denied, no-space, failed (the root is no folder)
 */
export async function openLocal(root: string, options: LocalOptions = {}): Promise<ServedBackend> {
  const folder = resolve(root);
  try {
    if (options.create) await createRoot(folder);
    const identity = await identityOf(folder);
    return new LocalBackend(folder, identity, options);
  } catch (error) {
    throw storageError(error, `open ${folder}`);
  }
}

async function createRoot(folder: string): Promise<void> {
  const first = await makeFolders(folder);
  if (first === undefined) return;
  // Every folder from the first new one down is a name in the folder above it.
  for (let made = folder; ; made = dirname(made)) {
    await syncFolder(dirname(made));
    if (made === first) return;
  }
}

/**
 * Like `mkdir -p`; the first folder that was missing. Node's own way never ends where the system answers ENOENT below a
 * folder that exists, as /proc does.
 */
async function makeFolders(folder: string): Promise<string | undefined> {
  const missing: string[] = [];
  for (let at = folder; (await identityOf(at)) === undefined; at = dirname(at)) missing.push(at);
  for (const each of missing.toReversed()) {
    await mkdir(each, 0o700).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error;
    });
  }
  return missing.at(-1);
}

/** Device and inode: an unmounted disk leaves another, empty folder under the same name. */
async function identityOf(folder: string): Promise<string | undefined> {
  try {
    const stats = await stat(folder, { bigint: true });
    if (!stats.isDirectory()) throw new NeoError('failed', `${folder} is not a folder`);
    return `${stats.dev}:${stats.ino}`;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** What lies under a name that is taken. */
type Compare = () => Promise<'absent' | 'equal' | 'other'>;

class LocalBackend implements ServedBackend {
  readonly location: string;
  readonly #root: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #ways: readonly PublishWay[];
  #identity: string | undefined;
  /** Folders known to be real and durable up to the root. */
  readonly #durable = new Map<string, Promise<void>>();
  /** Folders known to be no symbolic links, nor below one. */
  readonly #plain = new Set<string>();
  /** The last put of a path that is under way. */
  readonly #puts = new Map<string, Promise<unknown>>();
  #swept: Promise<void> | undefined;
  #remoteClock: Promise<boolean> | undefined;

  constructor(root: string, identity: string | undefined, options: LocalOptions) {
    this.location = root;
    this.#root = root;
    this.#identity = identity;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#ways = options.publishWays ?? PUBLISH_WAYS;
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    checkPath(path);
    await this.#inTurn(path, `store ${path}`, async () => {
      await this.#requireRoot();
      if (await this.#holds(path, () => compareDurably(this.#at(path), bytes))) return;
      try {
        await this.#store(path, bytes);
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') throw error;
        // A folder that this process knew has been removed since, or the whole root.
        await this.#requireRoot();
        this.#durable.clear();
        this.#plain.clear();
        await this.#store(path, bytes);
      }
    });
  }

  async putPieces(path: string, pieces: AsyncIterable<Uint8Array>): Promise<boolean> {
    checkPath(path);
    await this.#run(`store ${path}`, () => this.#requireRoot());
    // Only to publish it has to wait for others of this path: a slow sender holds nobody up.
    return this.#run(`store ${path}`, () =>
      this.#withTemporary(path, pieces, (temporary) =>
        this.#inTurn(path, `store ${path}`, () =>
          this.#publish(path, temporary, () => compareFilesDurably(this.#at(path), temporary)),
        ),
      ),
    );
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    checkPath(path);
    return this.#run(`read ${path}`, () => this.#read(path, (handle, size) => readFully(handle, 0, size)));
  }

  async getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    checkPath(path);
    return this.#run(`read ${path}`, () =>
      this.#read(path, async (handle, size) => {
        checkRange(path, size, range);
        const bytes = await readFully(handle, range.offset, range.length);
        checkRange(path, range.offset + bytes.length, range);
        return bytes;
      }),
    );
  }

  async getRanges(path: string, ranges: readonly ByteRange[]): Promise<(Uint8Array | undefined)[] | undefined> {
    checkPath(path);
    return this.#run(`read ${path}`, () =>
      this.#read(path, async (handle, size) => {
        const found: (Uint8Array | undefined)[] = [];
        for (const { offset, length } of ranges) {
          const bytes = offset + length > size ? undefined : await readFully(handle, offset, length);
          found.push(bytes?.length === length ? bytes : undefined);
        }
        return found;
      }),
    );
  }

  async getInto(path: string, offset: number, target: Uint8Array): Promise<boolean> {
    checkPath(path);
    const range = { offset, length: target.length };
    const found = await this.#run(`read ${path}`, () =>
      this.#read(path, async (handle, size) => {
        checkRange(path, size, range);
        const filled = await readFullyInto(handle, offset, target);
        checkRange(path, offset + filled, range);
        return target;
      }),
    );
    return found !== undefined;
  }

  async openObject(path: string): Promise<OpenObject | undefined> {
    checkPath(path);
    const opened = await this.#run(`open ${path}`, async () => {
      const found = (await this.#isPlain(folderOf(path))) ? await openFile(this.#at(path)) : undefined;
      if (found === undefined) await this.#checkRoot();
      return found;
    });
    return opened && openedObject(path, opened);
  }

  list(folder: string): AsyncIterable<ObjectInfo> {
    checkFolder(folder);
    return this.#listBy(folder, () => walkObjects(this.#root, folder));
  }

  listAfter(folder: string, after: string): AsyncIterable<ObjectInfo> {
    checkFolder(folder);
    return this.#listBy(folder, () => walkInOrder(this.#root, folder, after));
  }

  async *#listBy(folder: string, walk: () => AsyncIterable<ObjectInfo>): AsyncIterable<ObjectInfo> {
    try {
      await this.#checkRoot();
      if (await this.#isPlain(folder)) yield* walk();
      // An unmounted disk must not look like a repository that lost its objects.
      await this.#checkRoot();
    } catch (error) {
      throw storageError(error, `list ${this.#at(folder)}`);
    }
  }

  async stat(path: string): Promise<ObjectInfo | undefined> {
    checkPath(path);
    return this.#run(`look at ${path}`, async () => {
      const stats = (await this.#isPlain(folderOf(path))) ? await this.#lstat(path) : undefined;
      if (stats?.isFile()) return { path, size: stats.size, modified: Math.floor(stats.mtimeMs) };
      await this.#checkRoot();
      return undefined;
    });
  }

  async remove(path: string): Promise<void> {
    checkPath(path);
    await this.#run(`remove ${path}`, async () => {
      await this.#checkRoot();
      const folder = folderOf(path);
      if (!(await this.#isPlain(folder))) return;
      const stats = await this.#lstat(path);
      // Folders and links are no objects. An absent object is synced too: who removed it may not have come that far.
      if (stats !== undefined && !stats.isFile()) return;
      if (stats !== undefined) await unlink(this.#at(path)).catch(ignoreAbsent);
      await syncFolder(this.#at(folder)).catch(ignoreAbsent);
    });
  }

  /** The own clock, where the own kernel sets the files' times; on a network mount the time given to a probe. */
  async now(): Promise<number> {
    this.#remoteClock ??= hasRemoteClock(this.#root);
    if (!(await this.#remoteClock)) return this.#clock.now();
    await this.#ensureFolder(TEMPORARY_FOLDER).catch(() => undefined);
    return probeClock(this.#at(TEMPORARY_FOLDER), this.#random, this.#clock);
  }

  async close(): Promise<void> {
    await this.#swept;
  }

  #at(path: string): string {
    return join(this.#root, path);
  }

  async #run<T>(action: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw storageError(error, action);
    }
  }

  /** Puts of one path follow each other, so that the last way of `local-publish` is exact within a process. */
  async #inTurn<T>(path: string, action: string, work: () => Promise<T>): Promise<T> {
    const before = this.#puts.get(path);
    const mine = this.#run(action, async () => {
      // The outcome of the one before is its caller's affair.
      await before?.catch(() => undefined);
      return work();
    });
    this.#puts.set(path, mine);
    try {
      return await mine;
    } finally {
      if (this.#puts.get(path) === mine) this.#puts.delete(path);
    }
  }

  async #store(path: string, bytes: Uint8Array): Promise<void> {
    await this.#withTemporary(path, bytes, (temporary) =>
      this.#publish(path, temporary, () => compareDurably(this.#at(path), bytes)),
    );
  }

  /** Hands over a file with these bytes, on the medium; it is gone afterwards. */
  async #withTemporary<T>(
    path: string,
    bytes: Uint8Array | AsyncIterable<Uint8Array>,
    use: (temporary: string) => Promise<T>,
  ): Promise<T> {
    await this.#ensureFolder(TEMPORARY_FOLDER);
    this.#swept ??= this.now().then((now) => removeLitter(this.#at(TEMPORARY_FOLDER), now));
    await this.#swept;
    await this.#ensureFolder(folderOf(path));
    const temporary = join(this.#at(TEMPORARY_FOLDER), temporaryName(this.#random));
    await writeDurably(temporary, bytes);
    try {
      return await use(temporary);
    } finally {
      await unlinkQuietly(temporary);
    }
  }

  /** False when the object was there already. */
  async #publish(path: string, temporary: string, compare: Compare): Promise<boolean> {
    const final = this.#at(path);
    const isMade = (await publish(temporary, final, this.#ways)) === 'published';
    if (isMade) await syncFolder(dirname(final));
    else if (!(await this.#holds(path, compare))) {
      throw new NeoError(
        'already-exists',
        `${path} is in use by something that is not an object, or vanished while stored`,
      );
    }
    return isMade;
  }

  /** True when the object is there and durable with these bytes. @throws NeoError integrity for other bytes */
  async #holds(path: string, compare: Compare): Promise<boolean> {
    if (!(await this.#isPlain(folderOf(path)))) return false;
    const state = await compare();
    if (state === 'other') throw conflict(path);
    if (state === 'absent') return false;
    await this.#ensureFolder(folderOf(path));
    await syncFolder(dirname(this.#at(path)));
    return true;
  }

  async #read<T>(path: string, use: Parameters<typeof withFile<T>>[1]): Promise<T | undefined> {
    const result = (await this.#isPlain(folderOf(path))) ? await withFile(this.#at(path), use) : undefined;
    if (result === undefined) await this.#checkRoot();
    return result;
  }

  async #lstat(path: string): Promise<Stats | undefined> {
    return lstat(this.#at(path)).catch(ignoreAbsent);
  }

  /** @throws NeoError unreachable when the root is not the folder that was opened */
  async #checkRoot(): Promise<void> {
    const identity = await identityOf(this.#root);
    this.#identity ??= identity;
    if (identity !== this.#identity) {
      throw new NeoError('unreachable', `${this.#root} is not the folder that was opened any more`, {
        hint: 'Check that the disk is still mounted, then run the command again.',
      });
    }
  }

  async #requireRoot(): Promise<void> {
    await this.#checkRoot();
    if (this.#identity === undefined) {
      throw new NeoError('unreachable', `the folder ${this.#root} does not exist`, {
        hint: 'Connect the disk that holds it, or make a new repository with `neo init`.',
      });
    }
  }

  /** Once a folder and process: concurrent puts share the work, a failure is forgotten. */
  #ensureFolder(folder: string): Promise<void> {
    const known = this.#durable.get(folder);
    if (known !== undefined) return known;
    const work = this.#makeFolderDurable(folder);
    this.#durable.set(folder, work);
    work.catch(() => this.#durable.delete(folder));
    return work;
  }

  async #makeFolderDurable(folder: string): Promise<void> {
    if (folder === '') return;
    await this.#ensureFolder(folderOf(folder));
    await makeFolder(this.#at(folder));
    if (!(await isPlainFolder(this.#at(folder)))) {
      throw new NeoError('already-exists', `${folder} is in use by something that is not a folder`, {
        hint: 'A repository may not contain symbolic links: move the whole folder instead.',
      });
    }
    // Also when another process made it: nobody else promises that its name is durable.
    await syncFolder(dirname(this.#at(folder)));
  }

  async #isPlain(folder: string): Promise<boolean> {
    if (folder === '' || this.#plain.has(folder)) return true;
    if (!(await this.#isPlain(folderOf(folder))) || !(await isPlainFolder(this.#at(folder)))) return false;
    this.#plain.add(folder);
    return true;
  }
}

function ignoreAbsent(error: unknown): undefined {
  if (isAbsent(error)) return undefined;
  throw error;
}
