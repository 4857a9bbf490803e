/**
 * The crash sweep over real storage: the client dies at each of its mutating operations, which has or has not had its
 * effect, and what other operations were under way goes on. What is left is judged as after a crash of the simulator.
 */
import type { Backend, ByteRange, ObjectInfo } from '../../src/backends/backend.ts';
import { Crashed } from '../../src/backends/crash.ts';
import type { Script, Verify } from './sim.ts';
import { SimClock } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';

export interface Death {
  /** Which mutating operation, from 1. */
  readonly at: number;
  readonly when: 'before' | 'after';
}

/** Everything goes to real storage until the client dies; from then on nothing is asked or answered. */
export class DyingClient implements Backend {
  readonly location: string;
  readonly isRemote: boolean | undefined;
  readonly #inner: Backend;
  readonly #death: Death | undefined;
  #isDead = false;
  mutations = 0;

  constructor(inner: Backend, death?: Death) {
    this.location = inner.location;
    this.isRemote = inner.isRemote;
    this.#inner = inner;
    this.#death = death;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  put(path: string, bytes: Uint8Array): Promise<void> {
    return this.#mutate(() => this.#inner.put(path, bytes));
  }

  remove(path: string): Promise<void> {
    return this.#mutate(() => this.#inner.remove(path));
  }

  async #mutate(effect: () => Promise<void>): Promise<void> {
    this.#live();
    this.mutations += 1;
    const dies = this.mutations === this.#death?.at;
    if (dies && this.#death?.when === 'before') this.#die();
    if (dies) {
      await effect();
      this.#die();
    }
    await this.#answered(effect());
  }

  #die(): never {
    this.#isDead = true;
    throw new Crashed();
  }

  #live(): void {
    if (this.#isDead) throw new Crashed();
  }

  async #answered<T>(asked: Promise<T>): Promise<T> {
    const answer = await asked;
    this.#live();
    return answer;
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    this.#live();
    return this.#answered(this.#inner.get(path));
  }

  async getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    this.#live();
    return this.#answered(this.#inner.getRange(path, range));
  }

  async *list(folder: string): AsyncIterable<ObjectInfo> {
    this.#live();
    for await (const info of this.#inner.list(folder)) {
      this.#live();
      yield info;
    }
  }

  async stat(path: string): Promise<ObjectInfo | undefined> {
    this.#live();
    return this.#answered(this.#inner.stat(path));
  }

  async now(): Promise<number> {
    this.#live();
    return this.#answered(this.#inner.now());
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }
}

export interface RemoteSweep<T> {
  /** Another client of the same storage; `fresh`: an empty place. */
  readonly open: (fresh: boolean) => Promise<Backend>;
  readonly script: Script<T>;
  readonly verify: Verify<T, Backend>;
  readonly seed: number;
  /** At most so many deaths, spread evenly. */
  readonly points?: number;
}

/** @throws whatever `verify` throws, with the death in front */
export async function remoteSweep<T>(about: RemoteSweep<T>): Promise<{ operations: number; points: number }> {
  const operations = await playUntil(about, undefined);
  const deaths = Array.from({ length: operations * 2 }, (_, n): Death => {
    return { at: 1 + (n >> 1), when: n % 2 === 0 ? 'before' : 'after' };
  });
  const step = Math.max(1, deaths.length / (about.points ?? deaths.length));
  let points = 0;
  for (let at = 0; at < deaths.length; at += step) {
    await playUntil(about, deaths[Math.floor(at)]);
    points += 1;
  }
  return { operations, points };
}

/** @returns mutating operations that were begun */
async function playUntil<T>({ open, script, verify, seed }: RemoteSweep<T>, death: Death | undefined): Promise<number> {
  const client = new DyingClient(await open(true), death);
  const clock = new SimClock(Date.now());
  const acknowledged: T[] = [];
  const acknowledge = (fact: T): void => {
    if (!client.isDead) acknowledged.push(fact);
  };
  try {
    await script({ backend: client, clock, random: new SimRandom(seed), acknowledge });
  } catch (error) {
    if (!client.isDead) throw error;
  }
  await client.close();
  const survivor = await open(false);
  try {
    await verify(survivor, acknowledged, { plan: undefined, clock, random: new SimRandom(seed + 1) });
  } catch (cause) {
    const point = death === undefined ? 'the whole run' : `a death ${death.when} mutating operation ${death.at}`;
    throw new Error(`after ${point}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  } finally {
    await survivor.close();
  }
  return client.mutations;
}
