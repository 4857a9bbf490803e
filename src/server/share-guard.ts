/**
 * What somebody may read who was let in to shares of a target alone: the configurations (public keys, without which nothing can be verified), the
 * objects of the shares, and of all else the ranges that the shares reach. Who made the share has stored the list of them beside it.
 */
import type { ObjectInfo, ServedBackend } from '../backends/backend.ts';
import { isNeoError, NeoError } from '../core/errors.ts';
import { decodeReach, isReached, isReachPath, MOST_REACH_BYTES, type ReachedRange } from '../protocol/reach.ts';
import { InTurn, Kept } from './kept.ts';
import type { ReadGuard } from './objects.ts';

type Ranges = ReadonlyMap<string, readonly ReachedRange[]>;

/** Lists that are kept: each of them is never changed. They take some ten times their bytes in memory, and anybody can store one. */
const kept = new Kept<Ranges>(8 << 20);
const inTurn = new InTurn();

/**
 * @param target id, for what is kept
 * @param shares ids
 */
export class ShareGuard implements ReadGuard {
  readonly #target: string;
  readonly #storage: ServedBackend;
  readonly #shares: readonly string[];
  #reach: Promise<Ranges[]> | undefined;

  constructor(target: string, storage: ServedBackend, shares: readonly string[]) {
    this.#target = target;
    this.#storage = storage;
    this.#shares = shares;
  }

  list(folder: string): void {
    if (folder === 'config' || this.#shares.some((id) => folder === `shares/${id}`)) return;
    throw refused();
  }

  async object(path: string): Promise<void> {
    if (/^config\/[^/]+$/.test(path)) return;
    if (this.#shares.some((id) => path.startsWith(`shares/${id}/`)) && !isReachPath(path)) return;
    throw refused();
  }

  async range(path: string, offset: number, length: number): Promise<void> {
    if (path.startsWith('config/') || path.startsWith('shares/')) return this.object(path);
    this.#reach ??= this.#load();
    const reach = await this.#reach;
    if (reach.some((ranges) => isReached(ranges.get(path) ?? [], offset, length))) return;
    throw refused();
  }

  async #load(): Promise<Ranges[]> {
    const found: Promise<Ranges>[] = [];
    for (const id of this.#shares) {
      for await (const info of this.#storage.list(`shares/${id}`)) {
        if (isReachPath(info.path) && info.size <= MOST_REACH_BYTES) found.push(this.#ranges(info));
      }
    }
    return Promise.all(found);
  }

  async #ranges({ path, size, modified }: ObjectInfo): Promise<Ranges> {
    const key = `${this.#target} ${path} ${size} ${modified}`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const read = await inTurn.run(async () => kept.get(key) ?? (await this.#read(path)));
    kept.set(key, read, size);
    return read;
  }

  /** One that is damaged reaches nothing. */
  async #read(path: string): Promise<Ranges> {
    const bytes = await this.#storage.get(path);
    if (bytes === undefined) return new Map();
    try {
      return new Map(decodeReach(bytes).map(({ path: object, ranges }) => [object, ranges]));
    } catch (error) {
      if (isNeoError(error, 'integrity')) return new Map();
      throw error;
    }
  }
}

function refused(): NeoError {
  return new NeoError('permission-denied', 'the share does not reach that');
}
