/** One schedule: who acts, in an order that the seed decides, and the verdict on what is left. */
import { Crashed } from '../../../src/backends/crash.ts';
import type { MemoryBackend } from '../../../src/backends/memory.ts';
import { toHex } from '../../../src/core/bytes.ts';
import { isNeoError } from '../../../src/core/errors.ts';
import { ignoreEvents } from '../../../src/core/events.ts';
import { objectName } from '../../../src/core/ids.ts';
import type { Random } from '../../../src/core/random.ts';
import { blobIdOf } from '../../../src/engine/keys.ts';
import { BlobReader } from '../../../src/repo/blob-reader.ts';
import { type ClientState, MemoryState } from '../../../src/repo/client-state.ts';
import { loadIndex } from '../../../src/repo/indexed.ts';
import type { Repository } from '../../../src/repo/repository.ts';
import { listHeads, listSnapshots } from '../../../src/snapshot/listing.ts';
import { putRemoval } from '../../../src/snapshot/removal.ts';
import { prune } from '../../../src/tasks/prune.ts';
import { reachable } from '../../../src/tasks/reachable.ts';
import { rotateKeys } from '../../../src/tasks/rotate.ts';
import { undo } from '../../../src/tasks/undo.ts';
import { SimRandom } from '../sim-random.ts';
import type { Base, Beginnings } from './base.ts';
import { reopened } from './reopened.ts';
import { rewriteSome } from './rewriter.ts';
import { ScheduledBackend, Scheduler, StorageClock } from './scheduler.ts';
import { PRUNE, PRUNERS, type Start } from './start.ts';
import { steal } from './thief.ts';
import { Truth } from './truth.ts';
import { randomFiles, writeSnapshot } from './writer.ts';

export interface Played {
  readonly operations: number;
  readonly snapshots: number;
  readonly removals: number;
  readonly crashes: number;
  readonly packsDeleted: number;
  readonly rescued: number;
  /** Prunes that ended, and that refused. */
  readonly prunes: number;
  readonly refused: number;
  readonly rotations: number;
  /** Snapshots made anew. */
  readonly rewritten: number;
}

interface Actor {
  readonly name: string;
  readonly repository: Repository;
  readonly state: ClientState;
}

/** Padding need not be random here, and there is much of it. */
class CheapRandom implements Random {
  readonly #random: SimRandom;

  constructor(seed: number) {
    this.#random = new SimRandom(seed);
  }

  bytes(count: number): Uint8Array {
    return count <= 64 ? this.#random.bytes(count) : new Uint8Array(count);
  }
}

export interface ScheduleOptions {
  /** Somebody rotates keys meanwhile. */
  readonly rotates?: boolean;
  /** To new content secrets, too. */
  readonly content?: boolean;
  /** One or two make snapshots anew meanwhile. */
  readonly rewrites?: boolean;
  /** Fewer at once, each of whom does one thing, in a smaller repository: three times as many in the same time. */
  readonly isShort?: boolean;
}

/** @throws Error with what was violated */
export async function playSchedule(
  { base, starts, small }: Beginnings,
  seed: number,
  options: ScheduleOptions = {},
): Promise<Played> {
  const among = options.isShort === true ? small : starts;
  const start = among[seed % among.length];
  if (start === undefined) throw new Error('nothing to begin with');
  return new Play(base, start, seed, options).run();
}

const REWRITERS = ['rewriter one', 'rewriter two'] as const;
const ORDERS = ['uniform', 'bursts', 'priorities'] as const;

class Play {
  readonly #base: Base;
  readonly #random: SimRandom;
  readonly #start: Start;
  readonly #clock: StorageClock;
  readonly #storage: MemoryBackend;
  readonly #scheduler: Scheduler;
  readonly #truth: Truth;
  readonly #faults: string[] = [];
  readonly #rotates: boolean;
  readonly #content: boolean;
  readonly #rewrites: boolean;
  readonly #isShort: boolean;
  readonly #counts = {
    snapshots: 0,
    removals: 0,
    crashes: 0,
    packsDeleted: 0,
    rescued: 0,
    prunes: 0,
    refused: 0,
    rotations: 0,
    rewritten: 0,
  };

  constructor(base: Base, start: Start, seed: number, options: ScheduleOptions) {
    const { rotates = false, content = false, rewrites = false, isShort = false } = options;
    this.#rotates = rotates;
    this.#content = content;
    this.#rewrites = rewrites;
    this.#isShort = isShort;
    this.#base = base;
    this.#start = start;
    this.#random = new SimRandom(seed);
    this.#clock = new StorageClock(start.now);
    this.#storage = start.storage.clone(this.#clock);
    const jumps = this.#random.below(4) === 0 ? 4 : 0;
    this.#scheduler = new Scheduler({
      random: this.#random,
      clock: this.#clock,
      crashes: this.#random.below(3) === 0 ? 4 : 0,
      timePasses: (this.#isShort ? 45 : 15) + this.#random.below(this.#isShort ? 150 : 60),
      clockJumps: jumps,
      freezes: (this.#random.below(3) * 1000) / 4,
      order: ORDERS[this.#random.below(ORDERS.length)] ?? 'uniform',
    });
    this.#truth = new Truth(this.#storage, this.#plain(base.full[0], 1), () => this.#clock.now(), start.truth);
  }

  #plain(opened: Repository | undefined, seed: number): Repository {
    if (opened === undefined) throw new Error('no such client');
    return { ...opened, backend: this.#storage, clock: this.#clock, random: new SimRandom(seed) };
  }

  #actor(name: string, opened: Repository | undefined, state = new MemoryState()): Actor {
    if (opened === undefined) throw new Error('no such client');
    const clock = this.#scheduler.actor(name, this.#start.steady);
    const backend = new ScheduledBackend(name, this.#storage, this.#scheduler, (what, path, actor) =>
      this.#happened(what, path, actor),
    );
    const random = new CheapRandom(this.#random.word());
    return { name, repository: { ...opened, backend, clock, random }, state: state.clone() };
  }

  async #happened(what: 'put' | 'remove', path: string, actor: string): Promise<void> {
    if (what === 'remove' && path.startsWith('packs/')) this.#counts.packsDeleted += 1;
    try {
      await this.#truth.happened(what, path, actor);
    } catch (error) {
      this.#faults.push(error instanceof Error ? error.message : String(error));
    }
  }

  async run(): Promise<Played> {
    const { full, write, thief } = this.#base;
    const [one, two] = this.#start.states;
    this.#begin(this.#actor('writer one', full[0]), (actor) => this.#write(actor));
    if (this.#takesPart()) this.#begin(this.#actor('writer two', full[1]), (actor) => this.#write(actor));
    if (this.#takesPart()) this.#begin(this.#actor('write-only', write), (actor) => this.#write(actor));
    this.#begin(this.#actor(PRUNERS[0], full[0], one), (actor) => this.#prune(actor));
    if (this.#takesPart()) this.#begin(this.#actor(PRUNERS[1], full[1], two), (actor) => this.#prune(actor));
    if (this.#takesPart()) this.#begin(this.#actor('forgetter', full[0]), (actor) => this.#forget(actor));
    if (this.#takesPart()) this.#begin(this.#actor('undoer', full[1]), (actor) => this.#undo(actor));
    if (this.#random.below(4) === 0) this.#begin(this.#actor('reader', full[0]), (actor) => this.#read(actor));
    if (this.#random.below(4) === 0) this.#begin(this.#actor('thief', thief), ({ repository }) => steal(repository));
    if (this.#rotates) this.#begin(this.#actor('rotator', full[1]), (actor) => this.#rotate(actor));
    if (this.#rewrites) {
      this.#begin(this.#actor(REWRITERS[0], full[0]), (actor) => this.#rewrite(actor));
      if (this.#takesPart()) this.#begin(this.#actor(REWRITERS[1], full[1]), (actor) => this.#rewrite(actor));
    }
    await this.#scheduler.run();
    await this.#verdict();
    const [fault] = this.#faults;
    if (fault !== undefined) throw new Error(fault);
    return { operations: this.#scheduler.picks, ...this.#counts };
  }

  #maybe(): boolean {
    return this.#random.below(2) === 0;
  }

  #takesPart(): boolean {
    return this.#isShort ? this.#random.below(3) === 0 : this.#maybe();
  }

  #rounds(most: number): number {
    return this.#isShort ? 1 : 1 + this.#random.below(most);
  }

  #begin(actor: Actor, work: (actor: Actor) => Promise<void>): void {
    this.#scheduler.start(async () => {
      try {
        await work(actor);
      } catch (error) {
        if (error instanceof Crashed) this.#counts.crashes += 1;
        else if (!this.#mayHaveToBeginAgain(error)) this.#faults.push(`${actor.name}: ${textOf(error)}`);
      }
    });
  }

  #mayHaveToBeginAgain(error: unknown): boolean {
    return this.#rotates && isNeoError(error, 'failed') && error.message.startsWith('keys were rotated');
  }

  /** Who goes on after a rotation does so with the new keys, or has not noticed. */
  async #again({ repository }: Actor): Promise<Repository> {
    return this.#rotates && this.#maybe() ? reopened(repository) : repository;
  }

  async #rotate({ name, repository }: Actor): Promise<void> {
    for (let wait = this.#random.below(this.#isShort ? 50 : 150); wait > 0; wait--) await this.#scheduler.gate(name);
    await rotateKeys(repository, { drop: [], dryRun: false, content: this.#content });
    this.#counts.rotations += 1;
  }

  async #write(actor: Actor): Promise<void> {
    for (let left = this.#rounds(2); left > 0; left--) {
      const repository = await this.#again(actor);
      try {
        await writeSnapshot(repository, randomFiles(this.#random), this.#random, this.#truth);
        this.#counts.snapshots += 1;
      } catch (error) {
        // It says that it failed: nobody relies on it.
        if (!isNeoError(error, 'failed') && !isNeoError(error, 'unreachable')) throw error;
      }
    }
  }

  async #prune(actor: Actor): Promise<void> {
    const { name, state } = actor;
    // One that marks and one that deletes.
    const rounds = this.#isShort ? 2 : this.#rounds(3);
    for (let left = rounds; left > 0; left--) {
      const repository = await this.#again(actor);
      try {
        const { swept } = await prune(
          repository,
          state,
          {
            ...PRUNE,
            mostUnused: { share: this.#maybe() ? 0 : 0.05 },
            repackSmall: this.#maybe(),
            wait: this.#random.below(3) === 0,
            pause: async (milliseconds) => {
              await this.#scheduler.gate(name);
              this.#scheduler.pass(milliseconds, name);
            },
          },
          ignoreEvents,
        );
        this.#counts.prunes += 1;
        this.#counts.rescued += swept.rescued;
      } catch (error) {
        // A clock is wrong, or what it looked at changed under its hands.
        if (!isNeoError(error) || isNeoError(error, 'usage')) throw error;
        this.#counts.refused += 1;
      }
      await this.#scheduler.gate(name);
      if (this.#random.below(2) === 0) this.#scheduler.pass(11 * 60_000, name);
    }
  }

  async #forget(actor: Actor): Promise<void> {
    const { name } = actor;
    for (let left = this.#rounds(3); left > 0; left--) {
      const repository = await this.#again(actor);
      for (let wait = this.#random.below(this.#isShort ? 30 : 80); wait > 0; wait--) {
        await this.#scheduler.gate(name);
      }
      const { heads } = await listHeads(repository);
      const chosen = heads[this.#random.below(heads.length)];
      if (chosen === undefined) continue;
      const time = await repository.backend.now();
      const trashEnds = time + (this.#random.below(3) === 0 ? 900_000 : 0);
      // From the moment on at which it may lie there.
      const removal = this.#truth.removed(chosen.name, trashEnds);
      removal.named(await putRemoval(repository, [chosen], { time, trashEnds }));
      this.#counts.removals += 1;
    }
  }

  async #rewrite(actor: Actor): Promise<void> {
    for (let left = this.#rounds(2); left > 0; left--) {
      const repository = await this.#again(actor);
      for (let wait = this.#random.below(30); wait > 0; wait--) await this.#scheduler.gate(actor.name);
      await this.#rewriteOnce({ ...actor, repository });
    }
  }

  async #rewriteOnce({ repository, state }: Actor): Promise<void> {
    try {
      const { rewritten } = await rewriteSome(repository, state, this.#random);
      for (const { name } of rewritten) if (name !== undefined) this.#truth.acknowledge(name);
      this.#counts.rewritten += rewritten.length;
    } catch (error) {
      // What it looked at changed under its hands; it says so, and nothing is lost.
      if (!isNeoError(error) || isNeoError(error, 'usage')) throw error;
      this.#counts.refused += 1;
    }
  }

  async #undo({ repository, state }: Actor): Promise<void> {
    for (let n = this.#isShort ? 1 : 0; n < 2; n++) {
      try {
        const { removal, snapshots } = await undo(repository, state, { dryRun: false });
        this.#truth.broughtBack(removal.name, snapshots);
      } catch (error) {
        if (!isNeoError(error, 'failed')) throw error;
      }
    }
  }

  /** Whatever is protected all the time can be read, with an index that was loaded meanwhile. */
  async #read({ repository }: Actor): Promise<void> {
    for (let n = 0; n < 3; n++) {
      const before = new Set(this.#truth.protectedOnes);
      const { snapshots } = await listSnapshots(repository, repository.keys.full?.epochs ?? []);
      const chosen = snapshots.filter(({ name }) => before.has(name))[0];
      if (chosen === undefined) continue;
      const found = await reachable(await loadIndex(repository, 64), [{ tree: chosen.body.tree }], { workers: 0 });
      const isWhole = found.unreadable.length + found.missing.length === 0;
      if (isWhole || !this.#truth.isProtected(chosen.name)) continue;
      const again = await reachable(await loadIndex(repository, 64), [{ tree: chosen.body.tree }], { workers: 0 });
      if (again.unreadable.length + again.missing.length > 0 && this.#truth.isProtected(chosen.name)) {
        this.#faults.push(`the reader cannot read snapshot ${chosen.name.slice(0, 8)} twice`);
      }
    }
  }

  /** From what lies in storage, with a fresh index: each protected snapshot can be found and read, byte for byte. */
  async #verdict(): Promise<void> {
    const opened = this.#plain(this.#base.full[0], 2);
    const repository = await loadIndex(this.#rotates ? await reopened(opened) : opened, 64);
    const reader = new BlobReader(repository);
    const { snapshots } = await listSnapshots(repository, repository.keys.full?.epochs ?? []);
    for (const name of this.#truth.protectedOnes) {
      this.#truth.demand(name, 'at the end');
      const snapshot = snapshots.find((listed) => listed.name === objectName(name));
      if (snapshot === undefined) {
        this.#faults.push(`snapshot ${name.slice(0, 8)} is not listed`);
        continue;
      }
      const found = await reachable(repository, [{ tree: snapshot.body.tree }], { workers: 0 });
      const ids = new Set([...found.table.entries()].map(({ key }) => toHex(blobIdOf(repository.engine, key))));
      for (const id of this.#truth.needsOf(name)) {
        if (!ids.has(id)) this.#faults.push(`blob ${id.slice(0, 8)} of ${name.slice(0, 8)} cannot be reached`);
      }
      for (const { kind, key } of found.table.entries()) {
        await reader.load(kind, key).catch((error: unknown) => {
          this.#faults.push(`${kind} ${toHex(key).slice(0, 8)} of ${name.slice(0, 8)}: ${String(error)}`);
        });
      }
    }
  }
}

function textOf(error: unknown): string {
  return (error instanceof Error ? error.stack : undefined) ?? String(error);
}
