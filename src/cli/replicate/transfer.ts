/** Objects from one storage to another, as they lie. Each is looked at on the way: its bytes have to give its name. */
import type { Backend } from '../../backends/backend.ts';
import { toHex } from '../../core/bytes.ts';
import { ByteGate, throwIfAborted } from '../../core/concurrency.ts';
import { isNeoError } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import type { Engine } from '../../engine/engine.ts';
import { promisedHash } from '../../protocol/object-names.ts';
import type { Held } from '../../protocol/object-tree.ts';

/** Bytes in memory. */
const MOST_BYTES = 64 << 20;
/** As many as that are under way at most, however small they are. */
const LEAST_BYTES = MOST_BYTES / 64;

export interface TransferMeans {
  readonly engine: Pick<Engine, 'blake3'>;
  readonly events: EventSink;
  readonly signal: AbortSignal | undefined;
}

/** What became of objects. */
export interface Transferred {
  readonly copied: readonly Held[];
  /** They were gone before they were read. */
  readonly vanished: readonly string[];
  /** Not copied: their bytes are not those that they are to be. */
  readonly damaged: readonly string[];
  /** Other bytes lie there under their names, and were left alone. */
  readonly conflicts: readonly string[];
}

type Outcome = keyof Transferred;

export class Transfer {
  readonly #from: Backend;
  readonly #to: Backend;
  readonly #means: TransferMeans;
  readonly #interrupted: Promise<void>;
  readonly #gate = new ByteGate(MOST_BYTES);
  readonly #done = {
    copied: [] as Held[],
    vanished: [] as string[],
    damaged: [] as string[],
    conflicts: [] as string[],
  };
  #looked = { files: 0, bytes: 0 };
  #total = { totalFiles: 0, totalBytes: 0 };

  constructor(from: Backend, to: Backend, means: TransferMeans) {
    this.#from = from;
    this.#to = to;
    this.#means = means;
    this.#interrupted = new Promise((resolve) => {
      means.signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  get done(): Transferred {
    return this.#done;
  }

  /** More will come. */
  expect(objects: readonly Held[]): void {
    const bytes = objects.reduce((sum, { size }) => sum + size, 0);
    const { totalFiles, totalBytes } = this.#total;
    this.#total = { totalFiles: totalFiles + objects.length, totalBytes: totalBytes + bytes };
  }

  /**
   * Many at once. What is under way is brought to its end also when another fails, but not when it is interrupted: over a slow line that takes long, and
   * no object is ever there in part.
   * @throws NeoError interrupted; what a backend throws, but for what is said of single objects
   */
  async run(objects: readonly Held[]): Promise<void> {
    const failures: unknown[] = [];
    const underWay = new Set<Promise<void>>();
    for (const held of objects) {
      const weight = Math.max(held.size, LEAST_BYTES);
      await Promise.race([this.#gate.acquire(weight), this.#interrupted]);
      if (failures.length > 0 || this.#means.signal?.aborted === true) break;
      const work: Promise<void> = this.#one(held)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => {
          this.#gate.release(weight);
          underWay.delete(work);
        });
      underWay.add(work);
    }
    await Promise.race([Promise.all(underWay), this.#interrupted]);
    throwIfAborted(this.#means.signal);
    if (failures.length > 0) throw failures[0];
  }

  async #one(held: Held): Promise<void> {
    const outcome = await this.#copy(held);
    if (outcome === 'copied') this.#done.copied.push(held);
    else this.#done[outcome].push(held.path);
    this.#looked = { files: this.#looked.files + 1, bytes: this.#looked.bytes + held.size };
    const progress = { ...this.#looked, ...this.#total, current: held.path };
    this.#means.events({ type: 'progress', phase: 'replicate', progress });
  }

  async #copy(held: Held): Promise<Outcome> {
    const bytes = await this.#read(held);
    if (bytes === undefined) return 'vanished';
    if (bytes === 'damaged') return 'damaged';
    try {
      await this.#to.put(held.path, bytes);
      return 'copied';
    } catch (error) {
      // The bytes are right: what is there is something else.
      if (isNeoError(error, 'integrity')) return 'conflicts';
      throw error;
    }
  }

  async #read({ path, size }: Held): Promise<Uint8Array | 'damaged' | undefined> {
    const promised = promisedHash(path);
    try {
      // No more than was said: what `from` then sends besides would take the memory of others.
      const bytes = await (promised === undefined || size === 0
        ? this.#from.get(path)
        : this.#from.getRange(path, { offset: 0, length: size }));
      if (bytes === undefined) return undefined;
      const isRight =
        bytes.length === size && (promised === undefined || toHex(this.#means.engine.blake3(bytes)) === promised);
      return isRight ? bytes : 'damaged';
    } catch (error) {
      if (isNeoError(error, 'integrity')) return 'damaged';
      throw error;
    }
  }
}
