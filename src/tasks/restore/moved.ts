/**
 * Chunks of an older file that lie elsewhere in it than in the one to be restored: after something was inserted or taken
 * out, everything behind it has moved. The old file is cut as the repository cuts, a window at a time and only where its
 * chunks were found wanting, so the cost follows what has changed.
 */
import { toHex } from '../../core/bytes.ts';
import { dataExtents } from '../../fs/sparse.ts';
import { fstatOf } from '../../fs/stat.ts';
import type { LocalPiece } from './jobs.ts';
import type { RestorePool } from './pool.ts';

const MIB = 1 << 20;
/** How far ahead of and behind its place a chunk is looked for: at least this far, and at most a window more. */
const REACH = 64 * MIB;
const WINDOW = 32 * MIB;

interface Span {
  readonly from: number;
  readonly to: number;
  /** Content keys in hex → offsets. */
  readonly chunks: ReadonlyMap<string, number>;
}

/** Smaller files cost as much to cut as to fetch. */
const LEAST = MIB;

/** Of an open file; undefined when it is small or has holes. */
export function movedChunks(pool: RestorePool, fd: number): MovedChunks | undefined {
  const stat = fstatOf(fd);
  const isWhole = dataExtents(fd, stat)?.every(({ length }) => length === stat.size) ?? true;
  return stat.size < LEAST || !isWhole ? undefined : new MovedChunks(pool, fd, stat.size);
}

export class MovedChunks {
  readonly #pool: RestorePool;
  readonly #fd: number;
  readonly #size: number;
  readonly #spans: Span[] = [];
  /** From where on the old file is still to be cut. */
  #next: number | undefined;

  /** @param fd an old file without holes, of `size` bytes */
  constructor(pool: RestorePool, fd: number, size: number) {
    this.#pool = pool;
    this.#fd = fd;
    this.#size = size;
  }

  /** For each piece where its bytes may lie in the old file; whoever reads them there verifies them. */
  async find(pieces: readonly LocalPiece[]): Promise<(number | undefined)[]> {
    const offsets = pieces.flatMap(({ segments }) => segments.filter((_, at) => at % 3 === 2));
    const first = offsets.reduce((least, offset) => Math.min(least, offset), this.#size);
    const last = offsets.reduce((most, offset) => Math.max(most, offset), 0);
    await this.#cover(Math.max(0, first - REACH), Math.min(this.#size, last + REACH));
    return pieces.map(({ key }) => this.#placeOf(toHex(key)));
  }

  #placeOf(key: string): number | undefined {
    for (const { chunks } of this.#spans) {
      const at = chunks.get(key);
      if (at !== undefined) return at;
    }
    return undefined;
  }

  async #cover(from: number, to: number): Promise<void> {
    while ((this.#spans[0]?.to ?? from) < from) this.#spans.shift();
    this.#next = Math.max(this.#next ?? from, from);
    while (this.#next < to) {
      const length = Math.min(WINDOW, this.#size - this.#next);
      const { keys, lengths } = await this.#pool.run<'cut'>({ type: 'cut', fd: this.#fd, offset: this.#next, length });
      if (lengths.length === 0) return;
      this.#next = this.#take(this.#next, keys, lengths);
    }
  }

  /** @returns where the next window begins: the last chunk was cut off by the end of this one */
  #take(from: number, keys: readonly string[], lengths: readonly number[]): number {
    const chunks = new Map<string, number>();
    let at = from;
    for (const [n, length] of lengths.entries()) {
      for (let epoch = n; epoch < keys.length; epoch += lengths.length) {
        const key = keys[epoch];
        if (key !== undefined) chunks.set(key, at);
      }
      at += length;
    }
    this.#spans.push({ from, to: at, chunks });
    const isEnd = at >= this.#size || lengths.length === 1;
    return isEnd ? at : at - (lengths.at(-1) ?? 0);
  }
}
