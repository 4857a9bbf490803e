/**
 * What may be removed from a target, whoever asks: packs and snapshots that a prune has marked, and that have been marked for a while, by the
 * server's own clock; configurations only when they are new; and of all that is there no more than a part within a day. So a key that was stolen cannot empty a
 * target before its owner sees what it marked.
 */
import type { ObjectInfo, ServedBackend } from '../backends/backend.ts';
import type { Clock } from '../core/clock.ts';
import { NeoError } from '../core/errors.ts';
import { formatDuration } from '../core/format.ts';
import { decodeMarks, isMarksPath, MOST_MARKS_BYTES } from '../protocol/marks.ts';
import { InTurn, Kept } from './kept.ts';
import type { Losses } from './losses.ts';

export interface RemovalLimits {
  /** Milliseconds for which nothing is removed that was marked. */
  readonly grace: number;
  /** Of the bytes of a target, how much may go within a day; from 0 to 1. */
  readonly part: number;
}

const YOUNG_MS = 3_600_000;
/** They take some times their bytes in memory. */
const kept = new Kept<ReadonlySet<string>>(32 << 20);
const inTurn = new InTurn();

export class RemovalGuard {
  readonly #storage: ServedBackend;
  readonly #limits: RemovalLimits;
  readonly #losses: Losses;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #allowedUntil = Number.NEGATIVE_INFINITY;

  constructor(storage: ServedBackend, limits: RemovalLimits, losses: Losses, clock: Pick<Clock, 'monotonic'>) {
    this.#storage = storage;
    this.#limits = limits;
    this.#losses = losses;
    this.#clock = clock;
  }

  /** For so long as much may go as there is, or until the server ends. `span` in milliseconds. */
  allowLoss(span: number): void {
    this.#allowedUntil = this.#clock.monotonic() + span;
  }

  /** Before it is removed. @throws NeoError permission-denied */
  async check({ path, size, modified }: ObjectInfo): Promise<void> {
    if (path.startsWith('config/')) return this.#checkConfiguration(modified);
    if (!/^(packs|snapshots)\//.test(path)) return;
    if (this.#limits.grace > 0 && !(await this.#isMarked(path))) throw this.#tooEarly(path);
    await this.#losses.add(size, this.#isAllowed);
  }

  /** One that was made just now, by somebody who could not go on, may go again. */
  async #checkConfiguration(modified: number): Promise<void> {
    if (this.#isAllowed || modified > (await this.#storage.now()) - YOUNG_MS) return;
    throw new NeoError('permission-denied', 'the server keeps configurations: without them nothing can be read', {
      hint: 'if you mean it: neo target allow-loss NAME --for 1h',
    });
  }

  get #isAllowed(): boolean {
    return this.#clock.monotonic() < this.#allowedUntil;
  }

  /** By the lists that are old enough: each of them is never changed. */
  async #isMarked(path: string): Promise<boolean> {
    const now = await this.#storage.now();
    for await (const info of this.#storage.list('tombs')) {
      const isOld = info.modified <= now - this.#limits.grace;
      if (isOld && isMarksPath(info.path) && info.size <= MOST_MARKS_BYTES && (await this.#marks(info)).has(path)) {
        return true;
      }
    }
    return false;
  }

  async #marks({ path, size, modified }: ObjectInfo): Promise<ReadonlySet<string>> {
    const key = `${this.#storage.location} ${path} ${size} ${modified}`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const read = await inTurn.run(async () => kept.get(key) ?? readable(await this.#storage.get(path)));
    kept.set(key, read, size);
    return read;
  }

  #tooEarly(path: string): NeoError {
    const hours = formatDuration(this.#limits.grace);
    return new NeoError('permission-denied', `the server removes ${path} only ${hours} after a prune has marked it`, {
      hint: 'run neo prune again later: what is marked goes then',
    });
  }
}

/** One that is damaged marks nothing. */
function readable(bytes: Uint8Array | undefined): ReadonlySet<string> {
  if (bytes === undefined) return new Set();
  try {
    return new Set(decodeMarks(bytes));
  } catch {
    return new Set();
  }
}
