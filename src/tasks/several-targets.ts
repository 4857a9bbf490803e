/**
 * One snapshot in several repositories: the first that can be reached takes it, the others get copies of it, and of what
 * they missed before. One that cannot be reached keeps nobody from the others: it is asked again when they have theirs.
 */
import { type ErrorCode, isNeoError, messageOf, NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import type { CopySummary } from './copy.ts';
import { copyBetween, type Pick, type Site } from './copy-between.ts';
import { type Line, missedSnapshots } from './missed.ts';
import { lookAtSnapshots } from './snapshots.ts';

/** What is wrong with a target, and not with what is saved. */
const OF_A_TARGET: readonly ErrorCode[] = [
  'unreachable',
  'no-repository',
  'wrong-password',
  'permission-denied',
  'no-space',
  'quota-exceeded',
  'integrity',
  'needs-newer-neo',
];

export interface SeveralOptions<Target extends Site> {
  /** As given, the first one first. */
  readonly locations: readonly string[];
  /** `isLast`: it will not be tried again, so there may be some patience with it. */
  readonly open: (location: string, at: number, isLast: boolean) => Promise<Target>;
  readonly line: Line;
  readonly dryRun: boolean;
  /** What is saved can be read again, if the first target fails. */
  readonly again: boolean;
  readonly save: (target: Target) => Promise<void>;
  /** One has got copies. */
  readonly onCopied: (location: string, summary: CopySummary) => Promise<void>;
}

interface Named {
  readonly location: string;
  readonly at: number;
}

export class SeveralTargets<Target extends Site> {
  readonly #options: SeveralOptions<Target>;
  readonly #events: EventSink;
  readonly #signal: AbortSignal | undefined;
  readonly #known = new Set<string>();
  /** What did not answer: nobody waits for it before the others have what they should. */
  #late: Named[] = [];
  /** What is saved was read, and cannot be read again. */
  #isSpent = false;
  #failed = 0;
  #failure: NeoError | undefined;

  constructor(options: SeveralOptions<Target>, events: EventSink, signal?: AbortSignal) {
    this.#options = options;
    this.#events = events;
    this.#signal = signal;
  }

  /** @returns failures: some target may lack the snapshot, or an earlier one. @throws the first failure when none takes it; usage */
  async run(): Promise<number> {
    const all = this.#options.locations.map((location, at) => ({ location, at }));
    let saved = await this.#saveIn(await this.#open(all, all.length === 1));
    if (saved.length === 0) saved = await this.#saveIn(await this.#openLate());
    const [first, ...others] = saved;
    if (first === undefined) throw this.#failure;
    await this.#bringAll(first, others);
    await this.#bringAll(first, await this.#openLate());
    return this.#failed;
  }

  async #saveIn(targets: readonly Target[]): Promise<readonly Target[]> {
    return this.#save(await this.#brought(targets));
  }

  /** Side by side: one that is slow, or goes away, holds up none of the others. */
  async #bringAll(first: Target, others: readonly Target[]): Promise<void> {
    if (this.#options.dryRun) return;
    const brought = await Promise.allSettled(others.map((other) => this.#bring(first, other)));
    const failed = brought.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  /** What the first one missed the last time, from the others. @returns those that could be reached */
  async #brought(targets: readonly Target[]): Promise<readonly Target[]> {
    const [first, ...others] = targets;
    if (first === undefined || this.#options.dryRun) return targets;
    const reached = [first];
    for (const other of others) {
      const failure = await this.#bring(other, first);
      // Whatever else is wrong with what it has, it may still take what comes.
      if (failure?.code !== 'unreachable') reached.push(other);
    }
    return reached;
  }

  #openLate(): Promise<Target[]> {
    return this.#open(this.#late.splice(0), true);
  }

  async #open(named: readonly Named[], isLast: boolean): Promise<Target[]> {
    const opened: Target[] = [];
    for (const each of named) {
      const { location, at } = each;
      await this.#attempt(location, async () => {
        const target = await this.#options.open(location, at, isLast).catch((error: unknown) => {
          if (isLast || !isNeoError(error, 'unreachable') || error.isPermanent) throw error;
          this.#events({ type: 'note', message: `${location}: ${messageOf(error)}; it is asked again at the end` });
          this.#late.push(each);
        });
        if (target === undefined) return;
        const { id } = target.repository;
        if (this.#known.has(id)) throw new NeoError('usage', `--to ${location}: that repository is named twice`);
        this.#known.add(id);
        opened.push(target);
      });
    }
    return opened;
  }

  /** @returns the one that has taken it, and those that are left */
  async #save(targets: readonly Target[]): Promise<readonly Target[]> {
    const { save, again } = this.#options;
    for (const [at, target] of targets.entries()) {
      if (this.#isSpent) break;
      this.#isSpent = !again;
      const failure = await this.#attempt(nameOf(target), () => save(target));
      if (failure === undefined) return targets.slice(at);
    }
    return [];
  }

  /** What `to` missed of what `from` has. */
  async #bring(from: Site, to: Site): Promise<NeoError | undefined> {
    const missed: Pick = (here, there) => missedSnapshots(here, there, this.#options.line);
    const events = this.#events;
    return this.#attempt(`${nameOf(from)} to ${nameOf(to)}`, async () => {
      const here = await lookAtSnapshots(from.repository, from.state, events);
      if (missed(here, await lookAtSnapshots(to.repository, to.state, events)).length === 0) return;
      const means = { dryRun: false, events, signal: this.#signal };
      const summary = await copyBetween(from, to, missed, means);
      const [bad] = summary.failed;
      if (bad !== undefined) throw new NeoError('integrity', bad.reason);
      await this.#options.onCopied(nameOf(to), summary);
    });
  }

  /** @returns a failure that is a target's own. @throws all others */
  async #attempt(what: string, work: () => Promise<void>): Promise<NeoError | undefined> {
    try {
      await work();
      return undefined;
    } catch (error) {
      if (!isNeoError(error) || !OF_A_TARGET.includes(error.code)) throw error;
      this.#failed += 1;
      this.#failure ??= error;
      this.#events({ type: 'warning', message: `${what}: ${messageOf(error)}`, code: error.code });
      return error;
    }
  }
}

function nameOf({ repository }: Site): string {
  return repository.backend.location;
}
