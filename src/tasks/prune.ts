/** Frees what no snapshot needs, while others write (docs/decisions/0010-prune.md). */
import { throwIfAborted } from '../core/concurrency.ts';
import { NeoError } from '../core/errors.ts';
import { type EventSink, ignoreEvents } from '../core/events.ts';
import type { ObjectName } from '../core/ids.ts';
import { refuseExpired } from '../repo/certificate.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import { GRACE_FLOOR } from '../repo/grace.ts';
import { type Repository, requireFull } from '../repo/repository.ts';
import { liveSessionsSince } from '../repo/session.ts';
import { putTomb, TOMB_PACKS, type Tomb } from '../repo/tomb.ts';
import type { BlobTable } from './check/blob-table.ts';
import { type CopyHooks, copyOut, demandCopies, standsWithout } from './prune/copy.ts';
import { type DueRules, type Listed, refuseWrongClock, TombsSeen, timeLeft } from './prune/due.ts';
import { look, unsure, type View } from './prune/look.ts';
import {
  type MostUnused as Most,
  NOTHING_SWEPT,
  type PruneOptions as Options,
  type PackUse,
  type PruneSummary as Summary,
  type Swept,
} from './prune/options.ts';
import { type Plan, planPrune } from './prune/plan.ts';
import { type Recompressed, recompress } from './prune/recompress.ts';
import { refreshIn } from './prune/shares.ts';
import { snapshotsToDelete, sweep } from './prune/sweep.ts';
import { reachable } from './reachable.ts';

export type MostUnused = Most;
export type PruneOptions = Options;
export type PruneSummary = Summary;

/**
 * Sweeps what earlier runs marked, then plans, copies and marks. With `wait` it stays until its own tomb may be swept.
 * @throws NeoError usage for a grace below the floor; integrity while it is not known what is needed; failed for a wrong
 * clock; permission-denied without role full; interrupted, no-space, unreachable: what was done so far is whole
 */
export async function prune(
  repository: Repository,
  state: ClientState,
  options: PruneOptions,
  events: EventSink = ignoreEvents,
  signal?: AbortSignal,
): Promise<PruneSummary> {
  requireFeatures(repository.config, 'prune');
  requireOneConfig(repository.chain);
  requireFull(repository, 'free space');
  if (!options.dryRun) refuseExpired(repository.signer.certificate, await repository.backend.now());
  return new Prune(repository, state, options, events, signal).run();
}

class Prune {
  readonly #repository: Repository;
  readonly #state: ClientState;
  readonly #options: PruneOptions;
  readonly #events: EventSink;
  readonly #rules: DueRules;
  readonly #hooks: CopyHooks & { readonly events: EventSink };
  readonly #throwIfStopped: () => void;
  #swept: Swept = NOTHING_SWEPT;

  constructor(
    repository: Repository,
    state: ClientState,
    options: PruneOptions,
    events: EventSink,
    signal: AbortSignal | undefined,
  ) {
    this.#repository = repository;
    this.#state = state;
    this.#options = options;
    this.#events = events;
    this.#rules = dueRules(repository, options);
    this.#throwIfStopped = () => throwIfAborted(signal);
    let packs = 0;
    let read = 0;
    const onPack = (bytes: number): void => {
      packs += 1;
      read += bytes;
      events({ type: 'progress', phase: 'prune', progress: { files: packs, bytes: read } });
    };
    this.#hooks = { events, onPack, throwIfStopped: this.#throwIfStopped };
  }

  async run(): Promise<PruneSummary> {
    const started = this.#repository.clock.monotonic();
    const seen = await TombsSeen.load(this.#repository, this.#state);
    const view = await this.#look(seen);
    const counted = view.snapshots.filter(({ name }) => !view.ended.has(name));
    const sweptLive = await this.#sweepDue(view, seen);
    const live = sweptLive?.isOfCounted === true ? sweptLive : await this.#reach(view, counted);
    const plan = planPrune(view, live.table, await this.#planRules(view));
    if (!this.#options.dryRun) await this.#confirm(plan);
    const smaller = await this.#recompress(view, live.table, plan);
    const made = this.#options.dryRun
      ? wouldMake(view, plan, smaller)
      : await this.#mark(view, live.table, plan, smaller);
    const after = await this.#after(view, seen, made);
    return {
      snapshots: counted.length,
      ...(this.#options.dryRun ? wouldKeep(plan, smaller, made) : standing(after)),
      unusedBytes: Math.round(plan.unused),
      swept: this.#swept,
      ...made,
      ...this.#waiting(after, seen),
      lostBlobs: live.missing + plan.lost,
      durationMs: Math.round(this.#repository.clock.monotonic() - started),
    };
  }

  async #look(seen: TombsSeen): Promise<Sight> {
    const at = seen.now();
    const view = await look(this.#repository, this.#state, this.#events);
    await seen.note(view.tombs, this.#events);
    return { ...view, at };
  }

  async #reach(view: View, roots: View['snapshots'], mayFail = new Set<ObjectName>()): Promise<Live> {
    const trees = roots.map(({ name, body }) => ({ name, tree: body.tree }));
    const onTrees = (files: number): void =>
      this.#events({ type: 'progress', phase: 'read trees', progress: { files, bytes: 0 } });
    const options = { workers: this.#options.workers, onTrees, throwIfStopped: this.#throwIfStopped };
    const found = await reachable(view.repository, trees, options);
    const [first] = found.unreadable.filter(({ name }) => !mayFail.has(name));
    if (first !== undefined) throw unsure(`a directory of snapshot ${first.name.slice(0, 8)} cannot be read`);
    return { table: found.table, missing: found.missing.length };
  }

  #dueIn(view: Sight, seen: TombsSeen): readonly Tomb[] {
    return view.tombs.tombs.filter((tomb) => !tomb.swept && timeLeft(tomb, view, seen, this.#rules) === 0);
  }

  /** What it found to be needed; `isOfCounted`: by the snapshots that count, and no others. */
  async #sweepDue(view: Sight, seen: TombsSeen): Promise<(Live & { readonly isOfCounted: boolean }) | undefined> {
    const due = this.#dueIn(view, seen);
    if (due.length === 0) return undefined;
    refuseWrongClock(view, this.#options.trustClock);
    const going = new Set(snapshotsToDelete(view, due));
    // One whose trash has ended counts until a tomb has said that it does not: another may rest on it meanwhile.
    const roots = view.snapshots.filter(({ name }) => !going.has(name));
    const live = await this.#reach(view, roots, new Set(view.ended));
    if (this.#options.dryRun) this.#swept = add(this.#swept, wouldSweep(view, due, going.size));
    else this.#swept = add(this.#swept, await sweep(view, live.table, due, this.#hooks));
    return { ...live, isOfCounted: roots.every(({ name }) => !view.ended.has(name)) };
  }

  async #planRules(view: View): Promise<Parameters<typeof planPrune>[2]> {
    const { mostUnused, mostRepacked = Number.POSITIVE_INFINITY, repackSmall, soleWriter } = this.#options;
    const { packTarget } = this.#repository.config;
    const sessions = await liveSessionsSince(this.#repository, view.time);
    const leaveSince = soleWriter
      ? Number.POSITIVE_INFINITY
      : Math.min(view.time - Math.max(this.#rules.grace, this.#rules.floor), sessions);
    return { mostUnused, mostRepacked, repackSmall, packTarget, leaveSince };
  }

  /** @throws NeoError interrupted when the answer is no */
  async #confirm({ free, repack, keep }: Plan): Promise<void> {
    const leaving = [...free, ...repack];
    const bytes = sizeOf(leaving);
    if (bytes <= sizeOf(keep)) return;
    const isMeant = (await this.#options.confirm?.({ packs: leaving.length, bytes })) ?? true;
    if (!isMeant) throw new NeoError('interrupted', 'nothing was marked');
  }

  async #recompress(view: View, live: BlobTable, { free, repack, keep }: Plan): Promise<Recompressed> {
    const { compression: level, mostRepacked = Number.POSITIVE_INFINITY, dryRun } = this.#options;
    if (level === undefined) return { packs: [], written: 0, segments: [] };
    const leaving = new Set([...free, ...repack].map(({ name }) => name));
    const packs = keep.filter(({ blobs }) => blobs > 0);
    const most = mostRepacked - sizeOf(repack);
    return recompress(view, live, { level, packs, most, leaving, dryRun }, this.#hooks);
  }

  /** Copies what is needed of the packs to repack, then says which packs go. */
  async #mark(view: View, live: BlobTable, plan: Plan, smaller: Recompressed): Promise<Made> {
    const repack = new Set([...plan.repack, ...smaller.packs].map(({ name }) => name));
    const all = new Set([...repack, ...plan.free.map(({ name }) => name)]);
    const copied = await copyOut(view, live, all, this.#hooks);
    this.#throwIfStopped();
    const leaving = [...plan.free, ...plan.repack, ...smaller.packs].filter(({ name }) => !copied.failed.has(name));
    const names = leaving.map(({ name }) => name);
    demandCopies(view, live, new Set(names), standsWithout(view, new Set(names)));
    await refreshIn(view, new Set(names), this.#events);
    const uncounted = newlyUncounted(view);
    await this.#putTombs(view, names, [...smaller.segments, ...copied.segments], uncounted);
    const repacked = [...plan.repack, ...smaller.packs].filter(({ name }) => !copied.failed.has(name));
    return {
      marked: { packs: leaving.length, bytes: sizeOf(leaving), snapshots: uncounted.length },
      repacked: { packs: repacked.length, bytes: sizeOf(repacked), written: copied.written + smaller.written },
    };
  }

  async #putTombs(
    view: View,
    packs: readonly ObjectName[],
    replacements: readonly ObjectName[],
    uncounted: readonly ObjectName[],
  ): Promise<void> {
    if (packs.length + uncounted.length === 0) return;
    const generation = view.tombs.generation + 1;
    const time = await this.#repository.backend.now();
    const grace = Math.ceil(this.#rules.grace / 1000);
    for (let at = 0; at === 0 || at < packs.length; at += TOMB_PACKS) {
      const part = packs.slice(at, at + TOMB_PACKS);
      await putTomb(this.#repository, { generation, time, grace, packs: part, replacements, uncounted });
    }
  }

  /** Until everything that is marked may be deleted, and is; what cannot be carried out is tried once. */
  async #wait(seen: TombsSeen): Promise<Sight> {
    const tried = new Set<ObjectName>();
    for (;;) {
      const view = await this.#look(seen);
      const open = unswept(view).filter(({ name }) => !tried.has(name));
      if (open.length === 0) return view;
      const left = Math.min(...open.map((tomb) => timeLeft(tomb, view, seen, this.#rules)));
      if (left === 0) {
        for (const { name } of this.#dueIn(view, seen)) tried.add(name);
        await this.#sweepDue(view, seen);
      } else if (this.#options.wait) {
        this.#throwIfStopped();
        await this.#options.pause(left);
      } else return view;
    }
  }

  /** What there is when everything has been done that can be done now. */
  async #after(view: Sight, seen: TombsSeen, { marked, repacked }: Made): Promise<Sight> {
    const { dryRun, wait, soleWriter } = this.#options;
    if (dryRun) return view;
    if (wait || soleWriter) return this.#wait(seen);
    const { packs, snapshots, rescued } = this.#swept;
    const changes = marked.packs + marked.snapshots + repacked.packs + packs + snapshots + rescued;
    return changes === 0 ? view : this.#look(seen);
  }

  #waiting(view: Sight, seen: TombsSeen): Pick<Summary, 'waiting' | 'dueAt'> {
    const open = unswept(view);
    const packs = [...new Set(open.flatMap((tomb) => tomb.packs))].flatMap((name) => view.packs.get(name) ?? []);
    const waiting = { packs: packs.length, bytes: packs.reduce((sum, { size }) => sum + size, 0) };
    if (open.length === 0) return { waiting };
    const left = Math.min(...open.map((tomb) => timeLeft(tomb, view, seen, this.#rules)));
    return { waiting, dueAt: Math.ceil(view.time + left) };
  }
}

type Made = Pick<Summary, 'marked' | 'repacked'>;

/** Packs that nobody has marked. */
function standing({ packs, tombs }: View): Pick<Summary, 'packs' | 'packBytes'> {
  const sizes = [...packs].flatMap(([name, { size }]) => (tombs.packs.has(name) ? [] : [size]));
  return { packs: sizes.length, packBytes: sizes.reduce((sum, size) => sum + size, 0) };
}

function wouldKeep({ keep }: Plan, { packs }: Recompressed, { repacked }: Made): Pick<Summary, 'packs' | 'packBytes'> {
  const left = keep.length - packs.length;
  return { packs: left, packBytes: sizeOf(keep) - sizeOf(packs) + repacked.written };
}

type Sight = View & Listed;

interface Live {
  readonly table: BlobTable;
  readonly missing: number;
}

function dueRules({ config }: Repository, options: PruneOptions): DueRules {
  const { soleWriter, graceFloor: floor = GRACE_FLOOR } = options;
  const grace = options.grace ?? (soleWriter ? 0 : config.grace * 1000);
  if (!soleWriter && grace < floor) {
    throw new NeoError('usage', `--grace is less than ${Math.round(floor / 1000)} seconds`, {
      hint: 'who writes meanwhile needs that time; if nothing else writes, say --sole-writer',
    });
  }
  return { grace, floor: soleWriter ? 0 : floor, soleWriter };
}

function unswept({ tombs }: View): readonly Tomb[] {
  return tombs.tombs.filter(({ swept }) => !swept);
}

function sizeOf(packs: readonly PackUse[]): number {
  return packs.reduce((sum, { size }) => sum + size, 0);
}

function add(a: Swept, b: Swept): Swept {
  return {
    packs: a.packs + b.packs,
    bytes: a.bytes + b.bytes,
    snapshots: a.snapshots + b.snapshots,
    rescued: a.rescued + b.rescued,
  };
}

function wouldSweep({ packs }: View, due: readonly Tomb[], snapshots: number): Swept {
  const there = [...new Set(due.flatMap((tomb) => tomb.packs))].flatMap((name) => packs.get(name) ?? []);
  return { packs: there.length, bytes: there.reduce((sum, { size }) => sum + size, 0), snapshots, rescued: 0 };
}

/** Those past their trash that no tomb that is still to be carried out names. */
function newlyUncounted(view: View): ObjectName[] {
  const known = new Set(unswept(view).flatMap(({ uncounted }) => uncounted));
  return view.snapshots.map(({ name }) => name).filter((name) => view.ended.has(name) && !known.has(name));
}

function wouldMake(view: View, plan: Plan, smaller: Recompressed): Made {
  const repacked = [...plan.repack, ...smaller.packs];
  const leaving = [...plan.free, ...repacked];
  const written = plan.repack.reduce((sum, { needed }) => sum + needed, smaller.written);
  return {
    marked: { packs: leaving.length, bytes: sizeOf(leaving), snapshots: newlyUncounted(view).length },
    repacked: { packs: repacked.length, bytes: sizeOf(repacked), written },
  };
}
