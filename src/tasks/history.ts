/** What every path held in which snapshots: kept by the client, and continued by what is new (docs/decisions/0017-history.md). */
import { throwIfAborted } from '../core/concurrency.ts';
import type { EventSink } from '../core/events.ts';
import type { ObjectName } from '../core/ids.ts';
import { parseJson } from '../core/json.ts';
import type { Engine } from '../engine/engine.ts';
import { toLatin1 } from '../fs/ignore-pattern.ts';
import { BlobReader } from '../repo/blob-reader.ts';
import type { ClientState } from '../repo/client-state.ts';
import { type IndexedRepository, loadKnownIndex } from '../repo/indexed.ts';
import type { Repository } from '../repo/repository.ts';
import { contentIdentity } from '../snapshot/identity.ts';
import { lineageOf } from '../snapshot/lineage.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import type { Node } from '../snapshot/node.ts';
import { nodeFromJson } from '../snapshot/node-json.ts';
import { entryOf, type HistoryEntry } from './history/entry.ts';
import { readHistory, writeHistory } from './history/history-file.ts';
import { type Change, LineageHistory, OPEN, type Span } from './history/lineage.ts';
import { type NodeChange, TreeChanges } from './history/tree-changes.ts';
import type { VisibleSnapshots } from './snapshots.ts';

/** Where a history comes from. */
export interface HistorySource {
  readonly repository: Repository;
  readonly state: ClientState;
  /** All that count, oldest first. */
  readonly snapshots: readonly Snapshot[];
  /** Its index is loaded only when something has to be read. */
  readonly indexed?: IndexedRepository;
}

/** @param repository with or without its index */
export function historySource(
  repository: Repository | IndexedRepository,
  { state, snapshots }: Pick<VisibleSnapshots, 'state' | 'snapshots'>,
): HistorySource {
  return { repository, state, snapshots, ...('index' in repository ? { indexed: repository } : {}) };
}

/** One content of a path, over snapshots that follow each other. */
export interface Stretch {
  /** Latin1. */
  readonly path: string;
  /** As the newest of them has it. */
  readonly entry: HistoryEntry;
  /** The same, decoded. */
  node(): Node;
  /** Numbers in the list of snapshots that was asked for. */
  readonly first: number;
  readonly last: number;
  readonly count: number;
  /** Of each of them. */
  numbers(): readonly number[];
  /** The newest complete snapshot of that host and paths has it. */
  readonly isThere: boolean;
}

/** Saved so often while a long one is made. */
const SAVE_MS = 20_000;
/** So many snapshots are read for a single path. */
const FEW = 16;
/** With so many a history pays from the second question on. */
const MANY = 200;
/** Snapshots that are gone and still stand in the file. */
const MOST_GONE = 200;

/** Of lists of snapshots as they were looked at: several paths may be asked for. */
const asked = new WeakMap<readonly Snapshot[], Promise<History | undefined>>();

export class History {
  readonly #lineages: readonly LineageHistory[];
  /** Directories that could not be read; each was named. */
  readonly unreadable: number;

  private constructor(lineages: readonly LineageHistory[], unreadable: number) {
    this.#lineages = lineages;
    this.unreadable = unreadable;
  }

  /** @throws NeoError interrupted, unreachable; what cannot be read is a warning, and then nothing is stored */
  static async open(
    source: HistorySource,
    events: EventSink,
    signal?: AbortSignal,
    stored?: readonly LineageHistory[],
  ): Promise<History> {
    const maker = new HistoryMaker(source, events, signal, stored);
    return new History(await maker.run(), maker.unreadable);
  }

  /** Undefined where looking at a path in each snapshot costs less than what is missing of the history. */
  static openIfWorth(source: HistorySource, events: EventSink): Promise<History | undefined> {
    const known = asked.get(source.snapshots) ?? History.#openIfWorth(source, events);
    asked.set(source.snapshots, known);
    return known;
  }

  static async #openIfWorth(source: HistorySource, events: EventSink): Promise<History | undefined> {
    const stored = await readHistory(source.repository, source.state);
    const names = new Set(stored.flatMap((lineage) => lineage.snapshots));
    const missing = source.snapshots.filter(({ name }) => !names.has(name)).length;
    const isDear = stored.length === 0 || missing > FEW;
    if (isDear && source.snapshots.length < MANY) return undefined;
    return History.open(source, events, undefined, stored);
  }

  /** What `snapshots` have at the paths that `isMeant` takes, in no order. @param snapshots oldest first */
  *stretches(
    snapshots: readonly Snapshot[],
    isMeant: (path: string, isDirectory: boolean) => boolean,
  ): Generator<Stretch> {
    const numbers = new Map(snapshots.map(({ name }, number) => [name, number]));
    for (const lineage of this.#lineages) {
      const places = new Places(lineage, snapshots, numbers);
      if (places.isEmpty) continue;
      for (const span of lineage.spans) {
        if (!isMeant(span.path, span.entry.type === 'directory')) continue;
        const stretch = places.stretch(span);
        if (stretch !== undefined) yield stretch;
      }
    }
  }
}

/** From numbers of a lineage to numbers in the list that was asked for. */
class Places {
  readonly isEmpty: boolean;
  /** Of the first one at or behind a place, and of the last one at or before it; −1: none. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** How many are before a place. */
  readonly #before: Int32Array;
  /** Place of the newest complete one; −1: none. */
  readonly #complete: number;

  constructor(
    { snapshots: names }: LineageHistory,
    snapshots: readonly Snapshot[],
    numbers: ReadonlyMap<ObjectName, number>,
  ) {
    const { length } = names;
    const asked = Int32Array.from(names, (name) => numbers.get(name) ?? -1);
    this.#next = new Int32Array(length + 1).fill(-1);
    this.#previous = new Int32Array(length);
    this.#before = new Int32Array(length + 1);
    let previous = -1;
    for (const [at, number] of asked.entries()) {
      if (number >= 0) previous = number;
      this.#previous[at] = previous;
      this.#before[at + 1] = (this.#before[at] ?? 0) + Number(number >= 0);
    }
    for (let at = length - 1; at >= 0; at--) {
      const number = asked[at] ?? -1;
      this.#next[at] = number >= 0 ? number : (this.#next[at + 1] ?? -1);
    }
    this.#complete = asked.findLastIndex((number) => snapshots[number]?.body.kind === 'snapshot');
    this.isEmpty = previous < 0;
  }

  /** Of those that were asked for, from a place to another. */
  numbers(first: number, last: number): number[] {
    const found: number[] = [];
    for (let at = first; at <= last; at++) {
      const number = this.#next[at] ?? -1;
      if (number >= 0 && this.#before[at + 1] !== this.#before[at]) found.push(number);
    }
    return found;
  }

  /** Undefined when none of its snapshots was asked for. */
  stretch(span: Span): Stretch | undefined {
    const { first } = span;
    const last = span.last === OPEN ? this.#previous.length - 1 : span.last;
    const count = (this.#before[last + 1] ?? 0) - (this.#before[first] ?? 0);
    if (count === 0) return undefined;
    return new PlacedSpan(this, span, {
      first: this.#next[first] ?? -1,
      last: this.#previous[last] ?? -1,
      end: last,
      count,
      isThere: first <= this.#complete && this.#complete <= last,
    });
  }
}

interface Placed extends Pick<Stretch, 'first' | 'last' | 'count' | 'isThere'> {
  /** Its last place. */
  readonly end: number;
}

/** One of hundreds of thousands: without functions of its own. */
class PlacedSpan implements Stretch {
  readonly path: string;
  readonly first: number;
  readonly last: number;
  readonly count: number;
  readonly isThere: boolean;
  readonly #places: Places;
  readonly #span: Span;
  readonly #end: number;

  constructor(places: Places, span: Span, { first, last, end, count, isThere }: Placed) {
    this.path = span.path;
    this.first = first;
    this.last = last;
    this.count = count;
    this.isThere = isThere;
    this.#places = places;
    this.#span = span;
    this.#end = end;
  }

  get entry(): HistoryEntry {
    return this.#span.entry;
  }

  node(): Node {
    return nodeFromJson(parseJson(this.#span.entry.json));
  }

  numbers(): readonly number[] {
    return this.#places.numbers(this.#span.first, this.#end);
  }
}

class HistoryMaker {
  readonly #source: HistorySource;
  readonly #events: EventSink;
  readonly #signal: AbortSignal | undefined;
  readonly #stored: readonly LineageHistory[] | undefined;
  #changes: TreeChanges | undefined;
  #done = 0;
  #saved = 0;
  unreadable = 0;

  constructor(
    source: HistorySource,
    events: EventSink,
    signal: AbortSignal | undefined,
    stored: readonly LineageHistory[] | undefined,
  ) {
    this.#stored = stored;
    this.#source = source;
    this.#events = events;
    this.#signal = signal;
  }

  async run(): Promise<LineageHistory[]> {
    const { repository, state, snapshots } = this.#source;
    this.#saved = repository.clock.monotonic();
    const all = this.#stored ?? (await readHistory(repository, state));
    const stored = new Map(all.map((lineage) => [lineage.name, lineage]));
    const there = new Set(snapshots.map(({ name }) => name));
    const isGone = (name: ObjectName): boolean => !there.has(name);
    const made: LineageHistory[] = [];
    for (const [name, wanted] of Map.groupBy(snapshots, ({ body }) => lineageOf(body))) {
      const known = stored.get(name);
      stored.delete(name);
      const lineage = known !== undefined && isContinued(known, wanted) ? known : new LineageHistory(name);
      made.push(lineage);
      await this.#continue(lineage, wanted, () => this.#save(made, stored.values()));
    }
    const gone = made.reduce((sum, lineage) => sum + lineage.snapshots.filter(isGone).length, stored.size);
    if (gone > MOST_GONE) {
      for (const [at, lineage] of made.entries()) made[at] = lineage.without(isGone);
      this.#done += 1;
    }
    if (this.#done > 0) await this.#save(made, []);
    return made;
  }

  async #continue(lineage: LineageHistory, wanted: readonly Snapshot[], save: () => Promise<void>): Promise<void> {
    const known = new Set(lineage.snapshots);
    const fresh = wanted.filter(({ name }) => !known.has(name));
    for (const { name, body } of fresh) {
      throwIfAborted(this.#signal);
      const progress = { files: this.#done, bytes: 0, totalFiles: this.#source.snapshots.length };
      this.#events({ type: 'progress', phase: 'read history', progress });
      this.#changes ??= await this.#treeChanges();
      const changes: Change[] = [];
      for await (const change of this.#changes.between(lineage.tree, body.tree))
        changes.push(changeOf(this.#source.repository.engine, change));
      lineage.append(name, body.tree, changes);
      this.#done += 1;
      if (this.#source.repository.clock.monotonic() - this.#saved > SAVE_MS) await save();
    }
  }

  async #treeChanges(): Promise<TreeChanges> {
    const { repository, state, indexed } = this.#source;
    const reader = new BlobReader(indexed ?? (await loadKnownIndex(repository, state)));
    return new TreeChanges(
      (kind, key) => reader.load(kind, key),
      (path, reason) => {
        this.unreadable += 1;
        this.#events({ type: 'warning', path, message: `cannot be read: ${reason}`, code: 'integrity' });
      },
    );
  }

  /** What could not be read may be read the next time. */
  async #save(made: readonly LineageHistory[], others: Iterable<LineageHistory>): Promise<void> {
    this.#saved = this.#source.repository.clock.monotonic();
    if (this.unreadable > 0) return;
    await writeHistory(this.#source.repository, this.#source.state, [...made, ...others]);
  }
}

/** What is new comes after all that is known, and the newest that is known is there. */
function isContinued({ snapshots }: LineageHistory, wanted: readonly Snapshot[]): boolean {
  const places = new Map(snapshots.map((name, at) => [name, at]));
  const found = wanted.map(({ name }) => places.get(name) ?? snapshots.length);
  const inOrder = found.every((at, n) => n === 0 || at === snapshots.length || at > (found[n - 1] ?? 0));
  return inOrder && found.includes(snapshots.length - 1);
}

function changeOf(engine: Engine, { path, before, after }: NodeChange): Change {
  const isSameContent =
    before !== undefined && after !== undefined && contentIdentity(before) === contentIdentity(after);
  return { path: toLatin1(path), after: after && entryOf(engine, after), isSameContent };
}
