/**
 * A process of its own that puts and removes in a counted target until it is killed: `node quota-child.ts FOLDER RUN`.
 * Prints a line for each change that is done.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openLocal } from '../../src/backends/local.ts';
import { systemClock } from '../../src/core/clock.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { Meter } from '../../src/server/meter.ts';
import { type CountedTarget, type CountStore, openCounted } from '../../src/server/quota.ts';

export const LIMITS = { quota: 400_000, perObject: 512 } as const;

/** The row of a target as a file. */
export class FileStore implements CountStore {
  readonly target = 'target';
  readonly #file: string;

  constructor(folder: string) {
    this.#file = join(folder, 'row.json');
  }

  async load(): ReturnType<CountStore['load']> {
    try {
      return JSON.parse(readFileSync(this.#file, 'utf8'));
    } catch {
      return { bytes: 0, objects: 0, isOpen: false };
    }
  }

  async markOpen(): Promise<void> {
    this.#write({ ...(await this.load()), isOpen: true });
  }

  async save(bytes: number, objects: number): Promise<void> {
    this.#write({ bytes, objects, isOpen: false });
  }

  #write(row: unknown): void {
    const file = openSync(`${this.#file}.new`, 'w');
    writeSync(file, JSON.stringify(row));
    fsyncSync(file);
    closeSync(file);
    renameSync(`${this.#file}.new`, this.#file);
  }
}

export async function openFolder(folder: string): Promise<{ target: CountedTarget; meter: Meter }> {
  const meter = new Meter(systemClock, LIMITS);
  const storage = await openLocal(join(folder, 'objects'), { create: true });
  return { meter, target: await openCounted(storage, meter, new FileStore(folder)) };
}

async function work(target: CountedTarget, run: string, worker: number): Promise<never> {
  const mine: string[] = [];
  for (let n = 0; ; n++) {
    const path = `packs/0${n % 4}/${run}-${worker}-${n}`;
    try {
      await target.put(path, new Uint8Array(1 + ((n * 7919) % 30_000)));
      mine.push(path);
    } catch (error) {
      if (!isNeoError(error, 'quota-exceeded')) throw error;
      const first = mine.shift() ?? (await anything(target));
      if (first !== undefined) await target.remove(first);
    }
    writeSync(1, '.\n');
  }
}

async function anything(target: CountedTarget): Promise<string | undefined> {
  for await (const { path } of target.list('')) return path;
  return undefined;
}

if (import.meta.main) {
  const [folder = '', run = ''] = process.argv.slice(2);
  const { target } = await openFolder(folder);
  await Promise.all([0, 1, 2, 3].map((worker) => work(target, run, worker)));
}
