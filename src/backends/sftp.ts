/**
 * Objects as files below a folder of another machine, over SFTP by the system's `ssh`.
 *
 * put: temporary file in `tmp/` → fsync → hard link to the final name (never over another one) → temporary name removed. A
 * server without hard links renames, which version 3 of the protocol refuses where the name is taken.
 */
import pLimit from 'p-limit';
import { equalBytes } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type Random, systemRandom } from '../core/random.ts';
import type { Backend, ByteRange, ObjectInfo } from './backend.ts';
import { isStranger } from './local-strangers.ts';
import { LITTER_AGE_MS, temporaryName } from './local-temporary.ts';
import { checkFolder, checkPath, checkRange, conflict, folderOf, isPathPart, TEMPORARY_FOLDER } from './path.ts';
import type { RateLimits } from './rate-limit.ts';
import { type Pipe, SftpChannel, StatusError } from './sftp/channel.ts';
import { SftpFiles } from './sftp/files.ts';
import { SftpLanes } from './sftp/lanes.ts';
import { STATUS } from './sftp/packets.ts';
import { type Sharing, sharingWith } from './sftp/sharing.ts';
import { startSsh } from './sftp/ssh.ts';
import type { SshTarget } from './sftp-location.ts';

export interface SftpOptions {
  /** Make the root folder (mode 0700) and what is missing above it. */
  readonly create?: boolean;
  /** In place of `ssh`, taken apart by the shell: NEO_SSH. */
  readonly command?: string;
  /** Milliseconds; by default as the user has set up. */
  readonly connectTimeout?: number;
  readonly random?: Random;
  readonly limits?: RateLimits;
  /** A connection that is there already; for tests. */
  readonly pipe?: Pipe;
}

/** Folders that are listed at a time: each takes two round trips. */
const LISTED_AT_A_TIME = 16;
/** Folders in folders; neo's own are three. Beyond that somebody leads on for ever. */
const MOST_LEVELS = 16;
/** Bytes that are sent before it is known whether the object is there already. */
const SENT_UNASKED = 256 << 10;

/** @param root absolute, or from the folder in which the server lets one in */
export async function openSftp(target: SshTarget, root: string, options: SftpOptions = {}): Promise<Backend> {
  const { command, connectTimeout } = options;
  let sharing: Sharing | undefined;
  const lanes = new SftpLanes(
    {
      async first() {
        if (options.pipe !== undefined) return options.pipe;
        sharing ??= await sharingWith(target, command);
        return startSsh(target, { command, connectTimeout, sharing: sharing?.owner() ?? [] });
      },
      another: () => sharing && startSsh(target, { command, sharing: sharing.member() }),
    },
    options.limits,
  );
  const user = target.user === undefined ? '' : `${target.user}@`;
  const port = target.port === undefined ? '' : `:${target.port}`;
  const location = `sftp://${user}${target.host}${port}/${root.startsWith('/') ? root.slice(1) : `~/${root}`}`;
  const end = async (): Promise<void> => {
    await lanes.close();
    sharing?.end();
  };
  const backend = new SftpBackend(location, root, { lanes, end }, options.random ?? systemRandom);
  if (options.create) await backend.createRoot();
  return backend;
}

/** As strangerAt of location.ts. */
export async function strangerOnSftp(
  target: SshTarget,
  root: string,
  options: SftpOptions = {},
): Promise<string | undefined> {
  const files = new SftpFiles(await SftpChannel.open(options.pipe ?? startSsh(target, options)));
  try {
    const entries = await files.readFolder(root);
    return entries.find(({ name, attributes }) => isStranger(name, attributes.is === 'folder'))?.name;
  } finally {
    await files.close();
  }
}

interface Line {
  readonly lanes: SftpLanes;
  readonly end: () => Promise<void>;
}

class SftpBackend implements Backend {
  readonly location: string;
  readonly isRemote = true;
  readonly #root: string;
  readonly #line: Line;
  readonly #random: Random;
  /** Those that this process has made or met. */
  readonly #folders = new Map<string, Promise<void>>();
  #swept: Promise<void> | undefined;

  constructor(location: string, root: string, line: Line, random: Random) {
    this.location = location;
    this.#root = root;
    this.#line = line;
    this.#random = random;
  }

  async createRoot(): Promise<void> {
    await this.#run(`make ${this.#root}`, (files) => files.makeFolders(this.#root));
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    checkPath(path);
    await this.#run(
      `store ${path}`,
      async (files) => {
        const isThere = files.lstat(this.#at(path)).then((found) => found !== undefined);
        // Its failure is met where it is waited for, if it ever is.
        isThere.catch(() => undefined);
        const known = bytes.length > SENT_UNASKED ? isThere : false;
        const folders = [TEMPORARY_FOLDER, folderOf(path)].map((folder) => this.#ensureFolder(files, folder));
        const [isKnown] = await Promise.all([known, ...folders]);
        if (isKnown) return this.#compare(files, path, bytes);
        this.#swept ??= this.#sweep(files).catch(() => undefined);
        const isNew = await this.#store(files, path, bytes, isThere);
        if (!isNew) await this.#compare(files, path, bytes);
      },
      bytes.length,
    );
  }

  /** False when there is an object of that name. */
  async #store(files: SftpFiles, path: string, bytes: Uint8Array, isThere: Promise<boolean>): Promise<boolean> {
    const temporary = this.#at(`${TEMPORARY_FOLDER}/${temporaryName(this.#random)}`);
    const publish = async (): Promise<boolean> => {
      const isNew = await files.publish(temporary, this.#at(path));
      // Before the folder is made durable: when that is answered, this is done.
      files.discard(temporary);
      return isNew;
    };
    try {
      await files.write(temporary, bytes);
      if (!(await isThere)) return await files.syncFolder(this.#at(folderOf(path)), publish);
      files.discard(temporary);
      return false;
    } catch (error) {
      files.discard(temporary);
      throw error;
    }
  }

  /** What crashed puts left, as far as it can be removed: the next run tries again. */
  async #sweep(files: SftpFiles): Promise<void> {
    const found = await files.readFolder(this.#at(TEMPORARY_FOLDER));
    const left = found.filter(({ name, attributes }) => name.endsWith('.tmp') && attributes.is === 'file');
    if (left.length === 0) return;
    const now = await this.now();
    for (const { name, attributes } of left) {
      const isLitter = now - attributes.modified > LITTER_AGE_MS;
      if (isLitter) await files.remove(this.#at(`${TEMPORARY_FOLDER}/${name}`));
    }
  }

  async #compare(files: SftpFiles, path: string, bytes: Uint8Array): Promise<void> {
    const there = await files.read(this.#at(path));
    if (there === undefined || !equalBytes(there, bytes)) throw conflict(path);
    await files.syncFolder(this.#at(folderOf(path)), async () => undefined);
  }

  async #ensureFolder(files: SftpFiles, folder: string): Promise<void> {
    if (folder === '') return;
    const known = this.#folders.get(folder) ?? this.#makeFolder(files, folder);
    this.#folders.set(folder, known);
    await known.catch((error: unknown) => {
      this.#folders.delete(folder);
      throw error;
    });
  }

  async #makeFolder(files: SftpFiles, folder: string): Promise<void> {
    await this.#ensureFolder(files, folderOf(folder));
    if (!(await files.makeFolder(this.#at(folder)))) return;
    await files.syncFolder(this.#at(folderOf(folder)), async () => undefined);
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    checkPath(path);
    return this.#run(`read ${path}`, (files) => files.read(this.#at(path)));
  }

  async getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    checkPath(path);
    checkRange(path, Number.MAX_SAFE_INTEGER, range);
    const bytes = new Uint8Array(range.length);
    return (await this.getInto(path, range.offset, bytes)) ? bytes : undefined;
  }

  async getInto(path: string, offset: number, target: Uint8Array): Promise<boolean> {
    checkPath(path);
    const range = { offset, length: target.length };
    checkRange(path, Number.MAX_SAFE_INTEGER, range);
    return this.#run(
      `read ${path}`,
      async (files) => {
        const size = await files.readInto(this.#at(path), offset, target);
        if (size !== undefined) checkRange(path, size, range);
        return size !== undefined;
      },
      target.length,
    );
  }

  async *list(folder: string): AsyncIterable<ObjectInfo> {
    checkFolder(folder);
    const limit = pLimit(LISTED_AT_A_TIME);
    let pending = [folder];
    for (let level = 1; pending.length > 0; level++) {
      if (level > MOST_LEVELS) throw new NeoError('failed', `${this.location} lists without end`);
      const under = pending.map((each) =>
        limit(() => this.#run(`list ${each}`, (files) => this.#listOne(files, each))),
      );
      pending = [];
      for (const listed of under) {
        const { objects, folders } = await listed;
        yield* objects;
        pending.push(...folders);
      }
    }
  }

  async #listOne(
    files: SftpFiles,
    folder: string,
  ): Promise<{ readonly objects: ObjectInfo[]; readonly folders: string[] }> {
    const objects: ObjectInfo[] = [];
    const folders: string[] = [];
    for (const { name, attributes } of await files.readFolder(this.#at(folder))) {
      const path = folder === '' ? name : `${folder}/${name}`;
      if (!isPathPart(name) || path === TEMPORARY_FOLDER) continue;
      if (attributes.is === 'folder') folders.push(path);
      if (attributes.is === 'file') objects.push({ path, size: attributes.size, modified: attributes.modified });
    }
    return { objects, folders };
  }

  async stat(path: string): Promise<ObjectInfo | undefined> {
    checkPath(path);
    return this.#run(`look at ${path}`, async (files) => {
      const found = await files.lstat(this.#at(path));
      return found?.is === 'file' ? { path, size: found.size, modified: found.modified } : undefined;
    });
  }

  async remove(path: string): Promise<void> {
    checkPath(path);
    await this.#run(`remove ${path}`, async (files) => {
      await files.syncFolder(this.#at(folderOf(path)), () => files.remove(this.#at(path)));
    });
  }

  /** The time that a new file is given: the protocol has no other way to ask. */
  async now(): Promise<number> {
    return this.#run('ask for the time', async (files) => {
      await this.#ensureFolder(files, TEMPORARY_FOLDER);
      return files.probe(this.#at(`${TEMPORARY_FOLDER}/${temporaryName(this.#random)}`));
    });
  }

  async close(): Promise<void> {
    await this.#swept;
    await this.#line.end();
  }

  #at(path: string): string {
    return path === '' ? this.#root : `${this.#root}/${path}`;
  }

  /** All of an operation over one channel; `bytes` are what it sends or fetches. */
  async #run<T>(action: string, work: (files: SftpFiles) => Promise<T>, bytes = 0): Promise<T> {
    return this.#line.lanes.use(bytes, async (files) => {
      try {
        return await work(files);
      } catch (error) {
        if (!(error instanceof StatusError)) throw error;
        throw await this.#meaningOf(files, error, action);
      }
    });
  }

  /** A full disk is a bare failure in this version of the protocol: the server is asked for what is free. */
  async #meaningOf(files: SftpFiles, error: StatusError, action: string): Promise<NeoError> {
    const what = `cannot ${action} on ${this.location}`;
    if (error.status === STATUS.denied) {
      return new NeoError('permission-denied', `${what}: permission denied`, {
        hint: 'check who owns the folder there',
        cause: error,
      });
    }
    if (error.status === STATUS.failure && (await files.isFull(this.#root))) {
      return new NeoError('no-space', `${what}: no space left`, { hint: 'free some space there', cause: error });
    }
    return new NeoError('failed', `${what}: ${error.message}`, { cause: error });
  }
}
