/** A client's own state in a folder: heads seen, caches. Written whole, through a temporary name. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../core/errors.ts';
import type { ClientState } from '../repo/client-state.ts';
import type { ObjectCache } from '../repo/object-cache.ts';

export class StateFolder implements ClientState {
  readonly acceptsRollback: boolean;
  readonly objects: ObjectCache | undefined;
  readonly #folder: string;

  constructor(folder: string, acceptsRollback = false, objects?: ObjectCache) {
    this.#folder = folder;
    this.objects = objects;
    this.acceptsRollback = acceptsRollback;
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    try {
      return await readFile(join(this.#folder, name));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    const { ensureDir } = await import('fs-extra/esm');
    await ensureDir(this.#folder, 0o700);
    const path = join(this.#folder, name);
    const temporary = `${path}.${process.pid}.tmp`;
    try {
      await writeFile(temporary, bytes, { mode: 0o600, flush: true });
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }
}
