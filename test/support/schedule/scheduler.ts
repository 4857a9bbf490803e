/**
 * Interleavings by seed: every storage operation of every actor waits until it is picked. Between two picks time may
 * pass, a machine may sleep, storage's clock may jump, an actor may die.
 */
import type { Backend, ByteRange, ObjectInfo } from '../../../src/backends/backend.ts';
import { Crashed } from '../../../src/backends/crash.ts';
import type { MemoryBackend } from '../../../src/backends/memory.ts';
import type { Clock, SinceBoot } from '../../../src/core/clock.ts';
import type { SimRandom } from '../sim-random.ts';

/** What storage shows; it may be wrong. */
export class StorageClock implements Clock {
  #now: number;

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  add(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

/** A machine's: it may be off, and its steady clock stands while the machine sleeps. */
export class ActorClock implements Clock {
  readonly #storage: StorageClock;
  readonly #skew: number;
  readonly #name: string;
  #steady = 0;

  constructor(storage: StorageClock, name: string, skew: number) {
    this.#storage = storage;
    this.#name = name;
    this.#skew = skew;
  }

  now(): number {
    return this.#storage.now() + this.#skew;
  }

  monotonic(): number {
    return this.#steady;
  }

  sinceBoot(): SinceBoot {
    return { boot: this.#name, at: this.#steady };
  }

  pass(milliseconds: number): void {
    this.#steady += milliseconds;
  }
}

interface Waiting {
  readonly actor: string;
  /** The pick before which it is left alone while there are others. */
  readonly frozenUntil: number;
  readonly go: () => void;
  readonly die: () => void;
}

export interface SchedulerOptions {
  readonly random: SimRandom;
  readonly clock: StorageClock;
  /** Parts of a thousand, at each pick. */
  readonly crashes: number;
  readonly timePasses: number;
  readonly clockJumps: number;
  /** Parts of a thousand, of critical operations. */
  readonly freezes: number;
  readonly order: 'uniform' | 'bursts' | 'priorities';
}

/** Between what somebody knows and what he does by it. */
const CRITICAL = /^(put (snapshots|tombs|removals|index)|list (tombs|removals|snapshots|packs)|remove)/;

const MINUTE = 60_000;
const STEPS = [1000, 20_000, MINUTE, 4 * MINUTE, 6 * MINUTE, 11 * MINUTE, 40 * MINUTE];

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #clocks = new Map<string, ActorClock>();
  readonly #dead = new Set<string>();
  #waiting: Waiting[] = [];
  #running = 0;
  #last: string | undefined;
  readonly #priorities = new Map<string, number>();
  picks = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** An actor begins, whose machine has run for `steady` milliseconds; its clock. */
  actor(name: string, steady = 0): ActorClock {
    const { random, clock } = this.#options;
    const skew = random.below(10) === 0 ? (random.below(2) * 2 - 1) * 3_600_000 : (random.below(7) - 3) * MINUTE;
    const own = new ActorClock(clock, name, skew);
    own.pass(steady);
    this.#clocks.set(name, own);
    return own;
  }

  start(work: () => Promise<void>): void {
    this.#running += 1;
    void work().finally(() => {
      this.#running -= 1;
    });
  }

  /** Resolves when the operation may go on. @throws Crashed when the actor has died */
  async gate(actor: string, operation = ''): Promise<void> {
    if (this.#dead.has(actor)) throw new Crashed();
    await new Promise<void>((go, reject) => {
      this.#waiting.push({
        actor,
        frozenUntil: this.picks + this.#freeze(operation),
        go,
        die: () => reject(new Crashed()),
      });
    });
  }

  /** Picks for which an actor stands still before an operation: those are chosen where it hurts. */
  #freeze(operation: string): number {
    const { random, freezes } = this.#options;
    return random.below(1000) < freezes && CRITICAL.test(operation) ? 20 + random.below(600) : 0;
  }

  /** Until every actor has ended. */
  async run(): Promise<void> {
    while (this.#running > 0) {
      // After all promises that can go on have done so.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      if (this.#waiting.length > 0) this.#pick();
      else await new Promise(setImmediate);
    }
  }

  #pick(): void {
    const { random, crashes, timePasses, clockJumps } = this.#options;
    this.picks += 1;
    if (random.below(1000) < timePasses) this.pass(STEPS[random.below(STEPS.length)] ?? 0);
    if (random.below(1000) < clockJumps) this.#options.clock.add(random.below(3_600_000));
    const at = this.#choose();
    const [chosen] = this.#waiting.splice(at, 1);
    if (chosen === undefined) return;
    if (random.below(1000) < crashes) this.#kill(chosen);
    else chosen.go();
  }

  /**
   * Uniformly, in long bursts of one actor, or by priorities that change at few moments (Burckhardt et al., "A Randomized
   * Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS 2010): what goes wrong only when one stands still
   * while another does all of its work is never met by fair picks.
   */
  #choose(): number {
    const ready = this.#waiting.filter(({ frozenUntil }) => frozenUntil <= this.picks);
    const among = ready.length === 0 ? this.#waiting : ready;
    return this.#waiting.indexOf(this.#chooseOf(among));
  }

  #chooseOf(among: readonly Waiting[]): Waiting {
    const { random, order } = this.#options;
    const any = among[random.below(among.length)] as Waiting;
    if (order === 'uniform') return any;
    if (order === 'bursts') {
      if (random.below(40) === 0) this.#last = undefined;
      const chosen = among.find(({ actor }) => actor === this.#last) ?? any;
      this.#last = chosen.actor;
      return chosen;
    }
    const first = among.reduce((a, b) => (this.#priority(b.actor) > this.#priority(a.actor) ? b : a));
    // Now and then the first falls behind all others.
    if (random.below(100) === 0) this.#priorities.set(first.actor, -this.picks);
    return first;
  }

  #priority(actor: string): number {
    const known = this.#priorities.get(actor) ?? this.#options.random.below(1000);
    this.#priorities.set(actor, known);
    return known;
  }

  #kill(chosen: Waiting): void {
    this.#dead.add(chosen.actor);
    chosen.die();
    for (const other of this.#waiting) if (other.actor === chosen.actor) other.die();
    this.#waiting = this.#waiting.filter(({ actor }) => actor !== chosen.actor);
  }

  /** Time passes for all; some machines sleep meanwhile. */
  pass(milliseconds: number, awake?: string): void {
    const { random, clock } = this.#options;
    clock.add(milliseconds);
    for (const [name, own] of this.#clocks) if (name === awake || random.below(4) > 0) own.pass(milliseconds);
  }
}

/** What decides when an operation goes on. */
export interface Gate {
  gate(actor: string, operation?: string): Promise<void>;
}

/** Everything goes on at once: for what happens one after the other. */
export const OPEN_GATE: Gate = { gate: async () => undefined };

/** Storage as one actor sees it. Told of what was stored and removed at the moment when it happens. */
export class ScheduledBackend implements Backend {
  readonly location = 'scheduled:';
  readonly #actor: string;
  readonly #inner: MemoryBackend;
  readonly #scheduler: Gate;
  readonly #watch: (what: 'put' | 'remove', path: string, actor: string) => Promise<void>;

  constructor(
    actor: string,
    inner: MemoryBackend,
    scheduler: Gate,
    watch: (what: 'put' | 'remove', path: string, actor: string) => Promise<void>,
  ) {
    this.#actor = actor;
    this.#inner = inner;
    this.#scheduler = scheduler;
    this.#watch = watch;
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    const copy = new Uint8Array(bytes);
    await this.#scheduler.gate(this.#actor, `put ${path}`);
    await this.#inner.put(path, copy);
    await this.#watch('put', path, this.#actor);
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    await this.#scheduler.gate(this.#actor);
    return this.#inner.get(path);
  }

  async getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    await this.#scheduler.gate(this.#actor);
    return this.#inner.getRange(path, range);
  }

  async *list(folder: string): AsyncIterable<ObjectInfo> {
    await this.#scheduler.gate(this.#actor, `list ${folder}`);
    let count = 0;
    for await (const info of this.#inner.list(folder)) {
      count += 1;
      // A listing is no snapshot of a moment.
      if (count % 4 === 2) await this.#scheduler.gate(this.#actor);
      yield info;
    }
  }

  async stat(path: string): Promise<ObjectInfo | undefined> {
    await this.#scheduler.gate(this.#actor);
    return this.#inner.stat(path);
  }

  async remove(path: string): Promise<void> {
    await this.#scheduler.gate(this.#actor, `remove ${path}`);
    await this.#inner.remove(path);
    await this.#watch('remove', path, this.#actor);
  }

  async now(): Promise<number> {
    await this.#scheduler.gate(this.#actor);
    return this.#inner.now();
  }

  async close(): Promise<void> {
    await undefined;
  }
}
