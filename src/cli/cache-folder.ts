/** Objects that are kept on this machine in a folder, within a limit: those that were used least lately go first. */
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../core/errors.ts';
import type { ObjectName } from '../core/ids.ts';
import type { ObjectCache } from '../repo/object-cache.ts';

/** Of the limit: so much is left when something has to go. */
const LEFT = 0.9;
/** Of the limit: larger ones are not kept. */
const LARGEST = 0.25;

const TEMPORARY = '.tmp';
/** Nothing takes as long: a file that is older was left by a process that was killed. */
const UNDER_WAY_MS = 3_600_000;

interface KeptFile {
  readonly path: string;
  readonly size: number;
  readonly used: number;
}

export class CacheFolder implements ObjectCache {
  readonly #folder: string;
  readonly #limit: number;
  readonly #onFailure: (message: string) => void;
  /** Bytes; known once something was written. */
  #held: Promise<number> | undefined;
  #failed = false;
  #written = 0;

  /** @param onFailure told once: from then on nothing more is kept */
  constructor(folder: string, limit: number, onFailure: (message: string) => void) {
    this.#folder = folder;
    this.#limit = limit;
    this.#onFailure = onFailure;
  }

  async read(name: ObjectName): Promise<Uint8Array | undefined> {
    const path = join(this.#folder, name);
    const bytes = await readFile(path).catch(() => undefined);
    const now = new Date();
    if (bytes !== undefined) await utimes(path, now, now).catch(() => undefined);
    return bytes;
  }

  async write(name: ObjectName, bytes: Uint8Array): Promise<void> {
    if (this.#failed || bytes.length > this.#limit * LARGEST) return;
    this.#written += 1;
    const temporary = join(this.#folder, `${name}.${process.pid}-${this.#written}${TEMPORARY}`);
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeFile(temporary, bytes, { mode: 0o600 });
      await rename(temporary, join(this.#folder, name));
      await this.#count(bytes.length);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      if (!this.#failed) this.#onFailure(`nothing is kept in ${this.#folder}: ${messageOf(error)}`);
      this.#failed = true;
    }
  }

  /** Several may be written at a time: each waits for those before it. */
  async #count(bytes: number): Promise<void> {
    const before = this.#held;
    this.#held = before === undefined ? this.#shrink() : before.then((held) => this.#add(held, bytes));
    await this.#held;
  }

  async #add(held: number, bytes: number): Promise<number> {
    return held + bytes <= this.#limit ? held + bytes : this.#shrink();
  }

  /** Back to the limit, if it is above. @returns bytes that are left */
  async #shrink(): Promise<number> {
    const files = await this.#files();
    let held = files.reduce((sum, { size }) => sum + size, 0);
    if (held <= this.#limit) return held;
    for (const { path, size } of files.toSorted((a, b) => a.used - b.used)) {
      if (held <= this.#limit * LEFT) break;
      await rm(path, { force: true });
      held -= size;
    }
    return held;
  }

  async #files(): Promise<KeptFile[]> {
    const names = await readdir(this.#folder);
    const old = Date.now() - UNDER_WAY_MS;
    const found = await Promise.all(
      names.map(async (name) => {
        const path = join(this.#folder, name);
        const info = await stat(path).catch(() => undefined);
        // What somebody is writing now is not his to remove, nor is it held yet.
        if (info === undefined || (name.endsWith(TEMPORARY) && info.mtimeMs > old)) return undefined;
        return { path, size: info.size, used: info.mtimeMs };
      }),
    );
    return found.filter((file) => file !== undefined);
  }
}
