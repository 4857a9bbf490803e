/**
 * As many operations under way as the storage can bear: more while they come back as fast as ever, fewer when they begin
 * to queue there, half when it says that it has no time. Whoever asks beyond that waits here.
 *
 * Queueing is estimated as by TCP Vegas: of n operations under way n·(1 − best/now) wait for others (Brakmo, Peterson,
 * "TCP Vegas", IEEE JSAC 13(8), 1995). Only small operations tell: what large ones take is a matter of their bytes.
 */
import { isNeoError } from '../core/errors.ts';
import { type Backend, type ByteRange, type ObjectInfo, readInto } from './backend.ts';

export interface ConcurrencyOptions {
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

/** That many are borne by all storage that is not in trouble: a line on which times vary must not look like a queue. */
const FIRST = 16;
/** Where storage says that it has no time. */
const LEAST = 2;
const MOST = 64;
/** Operations that queue at the storage: below the first more go out, above the second fewer. */
const FEW_QUEUE = 3;
const MANY_QUEUE = 6;
/** Bytes up to which an operation counts as small. */
const SMALL = 64 << 10;
/** Small operations after which the best time is looked for anew: lines change. */
const BEST_OF = 256;

export class AdaptiveConcurrency implements Backend {
  readonly location: string;
  readonly isRemote: boolean | undefined;
  readonly isGuarded: boolean | undefined;
  readonly tree: Backend['tree'];
  readonly #inner: Backend;
  readonly #gate: Gate;

  constructor(inner: Backend, { monotonic }: ConcurrencyOptions) {
    this.location = inner.location;
    this.isRemote = inner.isRemote;
    this.isGuarded = inner.isGuarded;
    const tree = inner.tree?.bind(inner);
    this.tree = tree && ((prefixes) => this.#gate.pass(Number.POSITIVE_INFINITY, () => tree(prefixes)));
    this.#inner = inner;
    this.#gate = new Gate(monotonic);
  }

  /** How many may be under way. */
  get limit(): number {
    return this.#gate.limit;
  }

  /** For what is no part of the contract. @param bytes that go over the line */
  pass<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    return this.#gate.pass(bytes, work);
  }

  put(path: string, bytes: Uint8Array): Promise<void> {
    return this.#gate.pass(bytes.length, () => this.#inner.put(path, bytes));
  }

  prepareToPut(): void {
    this.#inner.prepareToPut?.();
  }

  async settle(): Promise<void> {
    await this.#inner.settle?.();
  }

  /** How much it is nobody knows. */
  get(path: string): Promise<Uint8Array | undefined> {
    return this.#gate.pass(Number.POSITIVE_INFINITY, () => this.#inner.get(path));
  }

  getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    return this.#gate.pass(range.length, () => this.#inner.getRange(path, range));
  }

  getInto(path: string, offset: number, target: Uint8Array): Promise<boolean> {
    return this.#gate.pass(target.length, () => readInto(this.#inner, path, offset, target));
  }

  /** Waits for its turn once: most objects come with the answer that is there, and must not wait for others each. */
  async *list(folder: string): AsyncIterable<ObjectInfo> {
    const listing = this.#inner.list(folder)[Symbol.asyncIterator]();
    try {
      let next = await this.#gate.pass(Number.POSITIVE_INFINITY, () => listing.next());
      for (; next.done !== true; next = await listing.next()) yield next.value;
    } finally {
      await listing.return?.();
    }
  }

  stat(path: string): Promise<ObjectInfo | undefined> {
    return this.#gate.pass(0, () => this.#inner.stat(path));
  }

  remove(path: string): Promise<void> {
    return this.#gate.pass(0, () => this.#inner.remove(path));
  }

  now(): Promise<number> {
    return this.#gate.pass(0, () => this.#inner.now());
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

class Gate {
  readonly #monotonic: () => number;
  readonly #waiting: (() => void)[] = [];
  #limit = FIRST;
  #underWay = 0;
  #best = Number.POSITIVE_INFINITY;
  #counted = 0;
  #begun = 0;
  /** How many had begun when the limit was last halved. */
  #halved = 0;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  async pass<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (this.#underWay >= this.limit) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#underWay += 1;
    const among = this.#underWay;
    this.#begun += 1;
    const number = this.#begun;
    const since = this.#monotonic();
    try {
      const result = await work();
      if (bytes <= SMALL) this.#learn(this.#monotonic() - since, among);
      return result;
    } catch (error) {
      // What is permanent says nothing of how busy it is.
      if (isNeoError(error, 'unreachable') && !error.isPermanent) this.#halve(number);
      throw error;
    } finally {
      this.#leave();
    }
  }

  #learn(milliseconds: number, among: number): void {
    this.#counted += 1;
    if (this.#counted % BEST_OF === 0) this.#best = milliseconds;
    this.#best = Math.min(this.#best, milliseconds);
    const queue = milliseconds === 0 ? 0 : among * (1 - this.#best / milliseconds);
    // One that was not under way with as many as may be tells nothing of more.
    if (queue < FEW_QUEUE && among >= this.limit) this.#limit = Math.min(MOST, this.#limit + 1);
    else if (queue > MANY_QUEUE) this.#limit = Math.max(Math.min(this.#limit, FIRST), this.#limit - 1);
    else if (among >= this.limit && this.#limit < FIRST) this.#limit += 1;
  }

  /** When a line breaks all that is under way fails: that counts once. */
  #halve(number: number): void {
    if (number <= this.#halved) return;
    this.#halved = this.#begun;
    this.#limit = Math.max(LEAST, this.#limit / 2);
  }

  #leave(): void {
    this.#underWay -= 1;
    while (this.#underWay < this.limit) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#underWay += 1;
      next();
    }
  }
}
