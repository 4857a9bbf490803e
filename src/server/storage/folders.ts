/** Targets in folders of the data folder: `targets/ID`. One that is being removed is moved to `removed/ID` first. */
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ObjectInfo, ServedBackend } from '../../backends/backend.ts';
import { openLocal } from '../../backends/local.ts';
import type { Clock } from '../../core/clock.ts';
import { systemCode } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import type { TargetStorage } from './storage.ts';

export interface FoldersOptions {
  readonly dataRoot: string;
  readonly clock: Clock;
  readonly random: Random;
}

export class TargetFolders implements TargetStorage {
  readonly #options: FoldersOptions;

  constructor(options: FoldersOptions) {
    this.#options = options;
  }

  open(id: string): Promise<ServedBackend> {
    const { clock, random } = this.#options;
    return openLocal(this.#at(id), { create: true, clock, random });
  }

  async *look(id: string, folder: string): AsyncIterable<ObjectInfo> {
    if (await isThere(this.#at(id))) yield* (await this.open(id)).list(folder);
  }

  ids(): Promise<string[]> {
    return namesIn(join(this.#options.dataRoot, 'targets'));
  }

  whereIs(id: string): string {
    return `targets/${id}`;
  }

  async remove(id: string): Promise<void> {
    const removed = join(this.#options.dataRoot, 'removed');
    await mkdir(removed, { recursive: true, mode: 0o700 });
    const aside = join(removed, id);
    const wasThere = await rename(this.#at(id), aside).then(
      () => true,
      (error: unknown) => {
        if (systemCode(error) === 'ENOENT') return false;
        throw error;
      },
    );
    if (wasThere) await rm(aside, { recursive: true, force: true });
  }

  async finishRemovals(): Promise<void> {
    const removed = join(this.#options.dataRoot, 'removed');
    for (const name of await namesIn(removed)) await rm(join(removed, name), { recursive: true, force: true });
  }

  /** The data folder is looked at anyway. */
  async check(): Promise<void> {}

  async close(): Promise<void> {}

  #at(id: string): string {
    return join(this.#options.dataRoot, 'targets', id);
  }
}

export async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
