/**
 * One snapshot in several repositories: the first that can be reached takes it, the others get copies of it, and of what
 * they missed before. One that cannot be reached keeps nobody from the others.
 */
import { type ErrorCode, isNeoError, messageOf, NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import { formatBytes, formatCounted } from '../core/format.ts';
import { type Line, missedSnapshots } from '../tasks/missed.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';
import { copyBetween, type Pick } from './copying.ts';
import { type Opened, openFromFlags } from './open.ts';
import { type OtherFlags, openOther } from './other-repository.ts';
import type { Output } from './output.ts';

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

export interface SeveralOptions {
  /** As given, the first one first. */
  readonly locations: readonly string[];
  readonly flags: OtherFlags;
  readonly line: Line;
  readonly dryRun: boolean;
  /** What is saved can be read again, if the first target fails. */
  readonly again: boolean;
  readonly save: (target: Opened) => Promise<void>;
}

export class SeveralTargets {
  readonly #options: SeveralOptions;
  readonly #out: Output;
  readonly #events: EventSink;
  readonly #signal: AbortSignal | undefined;
  #failed = 0;
  #failure: unknown;

  constructor(options: SeveralOptions, out: Output, events: EventSink, signal?: AbortSignal) {
    this.#options = options;
    this.#out = out;
    this.#events = events;
    this.#signal = signal;
  }

  /** @returns how many targets do not have the snapshot. @throws the first failure when none takes it; usage */
  async run(): Promise<number> {
    const targets = await this.#brought(await this.#open());
    const [first, ...others] = await this.#save(targets);
    if (first === undefined) throw this.#failure;
    if (!this.#options.dryRun) for (const other of others) await this.#bring(first, other);
    return this.#failed;
  }

  /** What the first one missed the last time, from the others. @returns those that could be reached */
  async #brought(targets: readonly Opened[]): Promise<readonly Opened[]> {
    const [first, ...others] = targets;
    if (first === undefined || this.#options.dryRun) return targets;
    const reached = [first];
    for (const other of others) if (await this.#bring(other, first)) reached.push(other);
    return reached;
  }

  async #open(): Promise<Opened[]> {
    const { locations, flags } = this.#options;
    const opened: Opened[] = [];
    for (const [at, location] of locations.entries()) {
      await this.#attempt(location, async () => {
        const own = { ...flags, repo: location };
        const target = await (at === 0 ? openFromFlags(own, this.#out) : openOther(location, flags, this.#out));
        if (opened.some(({ repository }) => repository.id === target.repository.id)) {
          throw new NeoError('usage', `--to ${location}: that repository is named twice`);
        }
        opened.push(target);
      });
    }
    return opened;
  }

  /** @returns the one that has taken it, and those that are left */
  async #save(targets: readonly Opened[]): Promise<readonly Opened[]> {
    const { save, again } = this.#options;
    for (const [at, target] of targets.entries()) {
      const wasSaved = await this.#attempt(nameOf(target), () => save(target));
      if (wasSaved) return targets.slice(at);
      if (!again) break;
    }
    return [];
  }

  /** What `to` missed of what `from` has. */
  async #bring(from: Opened, to: Opened): Promise<boolean> {
    const missed: Pick = (here, there) => missedSnapshots(here, there, this.#options.line);
    const events = this.#events;
    return this.#attempt(`${nameOf(from)} to ${nameOf(to)}`, async () => {
      const here = await lookAtSnapshots(from.repository, from.state, events);
      if (missed(here, await lookAtSnapshots(to.repository, to.state, events)).length === 0) return;
      const means = { dryRun: false, events, signal: this.#signal };
      const { copied, failed, bytesStored } = await copyBetween(from, to, missed, means);
      const [bad] = failed;
      if (bad !== undefined) throw new NeoError('integrity', bad.reason);
      const location = nameOf(to);
      const text = `${formatCounted(copied.length, 'snapshot')} copied to ${location}, ${formatBytes(bytesStored)} stored`;
      await this.#out.record('target', { location, copied: copied.length, bytesStored }, text);
    });
  }

  /** @returns false for a failure that is a target's own. @throws all others */
  async #attempt(what: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!isNeoError(error) || !OF_A_TARGET.includes(error.code)) throw error;
      this.#failed += 1;
      this.#failure ??= error;
      this.#out.warn(`${what}: ${messageOf(error)}`);
      return false;
    }
  }
}

function nameOf({ repository }: Opened): string {
  return repository.backend.location;
}
