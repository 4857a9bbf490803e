/**
 * Versions of files that a policy keeps, though the snapshots go that hold them (docs/decisions/0020-versions.md): they are
 * stashed out of those before these are removed, and dropped when no policy wants them any more.
 */
import { earlier } from '../../core/calendar.ts';
import { NeoError } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import type { ClientId, ContentKey, ObjectName } from '../../core/ids.ts';
import type { ClientState } from '../../repo/client-state.ts';
import { type IndexedRepository, loadIndex } from '../../repo/indexed.ts';
import { isPinned, type RecordListing } from '../../repo/record.ts';
import type { Repository } from '../../repo/repository.ts';
import { rememberHeads } from '../../snapshot/heads.ts';
import { listHeads, type Snapshot, takenAt } from '../../snapshot/listing.ts';
import { doubtOf } from '../../snapshot/marks.ts';
import type { Node } from '../../snapshot/node.ts';
import { policyFor } from '../../snapshot/policy.ts';
import type { SnapshotBody } from '../../snapshot/snapshot.ts';
import { readTree, TreeBuilder } from '../../snapshot/tree.ts';
import { type VersionPolicy, versionPoliciesOf, wantedVersions } from '../../snapshot/version-policy.ts';
import { commitSnapshot, takeStanding, type Validation } from '../commit.ts';
import { History, historySource, type Stretch } from '../history.ts';
import { BlobStore } from '../rewrite/blob-store.ts';
import { sealBody } from '../seal-snapshot.ts';
import type { VisibleSnapshots } from '../snapshots.ts';

export interface KeptPlan {
  /** Paths (latin1) that only this one of the snapshots that go has as they have to stay. */
  readonly stashes: ReadonlyMap<Snapshot, ReadonlySet<string>>;
  /** Stashes of earlier runs of which nothing is wanted any more. */
  readonly obsolete: ReadonlySet<ObjectName>;
}

const NOTHING: KeptPlan = { stashes: new Map(), obsolete: new Set() };

/** One content of one path. */
interface Version {
  /** When it was first seen, milliseconds. */
  time: number;
  /** The newest one that has it: a number in the list of all. */
  newest: number;
  /** Some snapshot has it that stays. */
  isStaying: boolean;
  /** Stashes of earlier runs that have it. */
  readonly automatic: number[];
  /** Those that had it before it was something else for the first time: its place in the order is theirs. */
  early: Sighting;
}

/** Snapshots of one maker that follow each other and have the same. */
interface Sighting {
  readonly stretch: Stretch;
  /** Empty for all of role full. */
  readonly writer: string;
  readonly last: number;
}

interface VersionedPath {
  readonly host: string;
  readonly path: string;
  /** Whoever made it may only write: what he says of times does not count, nor that he wrote much at once. */
  readonly isWriteOnly: boolean;
  readonly byContent: Map<string, Version>;
  isThere: boolean;
}

/**
 * @param leaving snapshots that are to go
 * @param now by the storage's clock, milliseconds
 * @throws NeoError integrity when not all of the past can be read: what has to stay is not known then
 */
export async function planKeptVersions(
  repository: Repository,
  look: VisibleSnapshots,
  leaving: ReadonlySet<ObjectName>,
  now: number,
  events: EventSink,
): Promise<KeptPlan> {
  const policies = versionPoliciesOf(look.records);
  if (policies.length === 0) return NOTHING;
  const history = await History.open(historySource(repository, look), events);
  if (history.unreadable > 0) {
    throw new NeoError('integrity', 'not all of the past can be read, so it is not known which versions have to stay', {
      hint: 'see what is damaged: neo check; nothing was removed',
    });
  }
  // What came late may not be whole.
  const snapshots = look.snapshots.filter((snapshot) => doubtOf(snapshot, look.records) === undefined);
  const planner = new Planner(snapshots, look.records, leaving, now);
  for (const file of filesIn(history, snapshots, policies, planner)) {
    for (const version of wantedOf(file, snapshots, policies, now)) planner.want(file.path, version);
  }
  return planner.plan;
}

interface Wanted {
  readonly path: string;
  readonly numbers: ReadonlySet<number>;
  readonly last: number;
}

/** Decides for each version that is wanted which snapshot has it from now on. */
class Planner {
  readonly #snapshots: readonly Snapshot[];
  readonly #staying = new Set<number>();
  /** Stashes of earlier runs: they stay if they are needed. */
  readonly #automatic = new Set<number>();
  readonly #needed = new Set<number>();
  /** What only snapshots have that go. */
  readonly #wanted: Wanted[] = [];

  constructor(snapshots: readonly Snapshot[], records: RecordListing, leaving: ReadonlySet<ObjectName>, now: number) {
    this.#snapshots = snapshots;
    for (const [number, { name, role, body }] of snapshots.entries()) {
      if (leaving.has(name)) continue;
      const isAutomatic = body.kept !== undefined && role === 'full' && !isPinned(records, name, now);
      (isAutomatic ? this.#automatic : this.#staying).add(number);
    }
  }

  /** Who has it of these, but for those that go. */
  carriers(numbers: readonly number[]): Pick<Version, 'isStaying' | 'automatic'> {
    return {
      isStaying: numbers.some((number) => this.#staying.has(number)),
      automatic: numbers.filter((number) => this.#automatic.has(number)),
    };
  }

  want(path: string, { isStaying, automatic, early }: Version): void {
    if (isStaying) return;
    const held = automatic.find((number) => this.#needed.has(number)) ?? automatic[0];
    if (held === undefined) this.#wanted.push({ path, numbers: this.#numbersOf(early), last: early.last });
    else this.#needed.add(held);
  }

  #numbersOf({ stretch, writer }: Sighting): ReadonlySet<number> {
    const isTheirs = (number: number): boolean => (writerOf(this.#snapshots[number]) ?? '') === writer;
    return new Set(stretch.numbers().filter(isTheirs));
  }

  get plan(): KeptPlan {
    const obsolete = [...this.#automatic].filter((number) => !this.#needed.has(number));
    const names = obsolete.flatMap((number) => this.#snapshots[number]?.name ?? []);
    return { stashes: this.#stashes(), obsolete: new Set(names) };
  }

  /**
   * As few snapshots as will do: a version lies in a stretch of them, as a rule, and the fewest points that hit all
   * stretches are ends of stretches, taken in their order.
   */
  #stashes(): Map<Snapshot, Set<string>> {
    const stashes = new Map<number, Set<string>>();
    for (const { path, numbers, last } of this.#wanted.sort((a, b) => a.last - b.last)) {
      let chosen = last;
      // The latest chosen ones are the likeliest.
      for (const number of [...stashes.keys()].reverse()) {
        if (!numbers.has(number)) continue;
        chosen = number;
        break;
      }
      stashes.set(chosen, (stashes.get(chosen) ?? new Set()).add(path));
    }
    return new Map(
      [...stashes].flatMap(([number, paths]) => {
        const snapshot = this.#snapshots[number];
        return snapshot === undefined ? [] : [[snapshot, paths] as const];
      }),
    );
  }
}

/** Files and symlinks at paths that a policy names, by host; with a write key nobody speaks for what others made. */
function filesIn(
  history: History,
  snapshots: readonly Snapshot[],
  policies: readonly VersionPolicy[],
  planner: Planner,
): Iterable<VersionedPath> {
  const above = policies.map(({ path }) => (path === undefined ? '' : Buffer.from(path).toString('latin1')));
  const isMeant = (path: string, isDirectory: boolean): boolean =>
    !isDirectory && above.some((at) => at === '' || at === '/' || path === at || path.startsWith(`${at}/`));
  const files = new Map<string, VersionedPath>();
  const writers = snapshots.map((snapshot) => writerOf(snapshot) ?? '');
  for (const stretch of history.stretches(snapshots, isMeant)) {
    for (const [writer, numbers] of byWriter(stretch.numbers(), writers)) {
      const [oldest = 0] = numbers;
      const first = snapshots[oldest];
      if (first === undefined) continue;
      const { host } = first.body;
      const key = `${writer}\0${host}\0${stretch.path}`;
      const isWriteOnly = writer !== '';
      const file = files.get(key) ?? { host, path: stretch.path, isWriteOnly, byContent: new Map(), isThere: false };
      files.set(key, file);
      file.isThere ||= stretch.isThere;
      const sighting = { stretch, writer, last: numbers.at(-1) ?? oldest };
      see(file, sighting, { time: seenAt(first), ...planner.carriers(numbers) });
    }
  }
  return files.values();
}

/** The client that may only write, of its snapshots and of what is kept of them. */
function writerOf(snapshot: Snapshot | undefined): ClientId | undefined {
  return snapshot?.role === 'full' ? snapshot.body.kept?.client : snapshot?.head.client;
}

/** What a client that may only write says of the time does not count. */
function seenAt(snapshot: Snapshot): number {
  return snapshot.role === 'full' ? takenAt(snapshot) : snapshot.received;
}

/** Numbers of snapshots by who made them; mostly it is one. */
function byWriter(numbers: readonly number[], writers: readonly string[]): Iterable<[string, readonly number[]]> {
  const [first = 0] = numbers;
  const writer = writers[first] ?? '';
  if (numbers.every((number) => writers[number] === writer)) return [[writer, numbers]];
  return Map.groupBy(numbers, (number) => writers[number] ?? '');
}

function see(
  { byContent }: VersionedPath,
  sighting: Sighting,
  { time, isStaying, automatic }: Pick<Version, 'time' | 'isStaying' | 'automatic'>,
): void {
  const { identity } = sighting.stretch.entry;
  const version = byContent.get(identity);
  if (version === undefined) {
    byContent.set(identity, { time, newest: sighting.last, isStaying, automatic, early: sighting });
    return;
  }
  if (time < version.time) {
    version.time = time;
    version.early = sighting;
  }
  version.newest = Math.max(version.newest, sighting.last);
  version.isStaying ||= isStaying;
  version.automatic.push(...automatic);
}

function wantedOf(
  { host, path, isWriteOnly, byContent, isThere }: VersionedPath,
  snapshots: readonly Snapshot[],
  policies: readonly VersionPolicy[],
  now: number,
): Iterable<Version> {
  const policy = policyFor(policies, { host, paths: [Buffer.from(path, 'latin1')] });
  if (policy === undefined) return [];
  const { rules, keepDeleted } = policy;
  const versions = [...byContent.values()].sort((a, b) => a.time - b.time);
  const wanted = wantedVersions(isWriteOnly ? oneAnHour(versions) : versions, rules);
  if (isThere || keepDeleted === undefined) return wanted;
  const newest = versions.reduce((a, b) => (b.newest > a.newest ? b : a));
  const last = snapshots[newest.newest];
  const isOver = last === undefined || seenAt(last) < earlier(now, keepDeleted);
  return isOver ? [] : wanted.add(newest);
}

const HOUR = 3_600_000;

/** The first of each hour: a hundred junk contents push nothing out (docs/decisions/0009-retention.md). */
function oneAnHour(versions: readonly Version[]): Version[] {
  return versions.filter(({ time }, n) => {
    const before = versions[n - 1];
    return before === undefined || Math.floor(before.time / HOUR) < Math.floor(time / HOUR);
  });
}

/**
 * Stores what the plan says. Each stash is whole before anything is removed.
 * @throws what storing meets
 */
export async function stashVersions(
  repository: Repository,
  state: ClientState,
  { stashes }: KeptPlan,
  records: RecordListing,
  means: StashMeans,
): Promise<void> {
  if (stashes.size === 0) return;
  const indexed = await loadIndex(repository);
  const all = [...stashes];
  for (let at = 0; at < all.length; at += AT_ONCE) {
    await stashSome(indexed, state, all.slice(at, at + AT_ONCE), records, means);
  }
}

/** Stashes that are stored before they are published: their packs must not be old by then. */
const AT_ONCE = 32;

interface StashMeans {
  readonly program: string;
  readonly events: EventSink;
  /** Milliseconds (repo/grace.ts); for tests alone. */
  readonly graceFloor?: number;
}

async function stashSome(
  repository: IndexedRepository,
  state: ClientState,
  stashes: readonly (readonly [Snapshot, ReadonlySet<string>])[],
  records: RecordListing,
  { program, events, graceFloor }: StashMeans,
): Promise<void> {
  let { heads } = await listHeads(repository);
  const standing = await takeStanding(repository);
  const store = new BlobStore(repository, false);
  try {
    const made: { readonly source: Snapshot; readonly body: SnapshotBody }[] = [];
    for (const [source, paths] of stashes) {
      made.push({ source, body: await bodyOf(repository, store, source, paths, program) });
    }
    await store.finish();
    const { session } = store;
    for (const { source, body } of made) {
      // It goes only after this; what it has is there, if it is beyond doubt.
      const isSure = source.role === 'full' && doubtOf(source, records) === undefined;
      const commit = { standing, session, root: body.tree, restsOn: source.name, everything: !isSure };
      const seal = (validation: Validation): Uint8Array =>
        sealBody(repository, session.session, heads, validation, body);
      await commitSnapshot(
        repository,
        { ...commit, seal, ...(graceFloor === undefined ? {} : { graceFloor }) },
        events,
      );
      heads = (await listHeads(repository, heads)).heads;
    }
    await rememberHeads(repository, state, heads, events);
  } finally {
    await store.close();
  }
}

async function bodyOf(
  { engine }: IndexedRepository,
  store: BlobStore,
  source: Snapshot,
  paths: ReadonlySet<string>,
  program: string,
): Promise<SnapshotBody> {
  const { name, body } = source;
  const client = writerOf(source);
  const counts = { files: 0, directories: 0, bytes: 0 };
  const tree = await treeOf(store, engine, body.tree, namesOf(paths), counts);
  const { parent: _parent, original: _original, share: _share, kept: _kept, label: _label, ...rest } = body;
  return {
    ...rest,
    time: seenAt(source),
    tree,
    tags: [],
    description: 'versions that a policy keeps',
    program,
    kind: 'stash',
    statistics: {
      filesNew: 0,
      filesChanged: 0,
      filesUnmodified: counts.files,
      directories: counts.directories,
      bytesProcessed: counts.bytes,
      bytesAdded: 0,
      bytesStored: 0,
      errors: 0,
      durationMs: 0,
    },
    rebundle: [],
    kept: { of: name, ...(client === undefined ? {} : { client }) },
  };
}

/** Names below a directory; without any, the entry itself is meant. */
type Names = Map<string, Names>;

function namesOf(paths: ReadonlySet<string>): Names {
  const root: Names = new Map();
  for (const path of paths) {
    let at = root;
    for (const name of path.split('/').filter((each) => each !== '')) {
      const next = at.get(name) ?? new Map();
      at.set(name, next);
      at = next;
    }
  }
  return root;
}

async function treeOf(
  store: BlobStore,
  engine: IndexedRepository['engine'],
  tree: ContentKey,
  names: Names,
  counts: { files: number; directories: number; bytes: number },
): Promise<ContentKey> {
  const builder = new TreeBuilder(
    (kind, json) => store.save(kind, json),
    (bytes) => engine.blake3(bytes),
  );
  const nodes: Node[] = [];
  for await (const node of readTree(store.load, tree)) {
    const below = names.get(Buffer.from(node.name).toString('latin1'));
    if (below === undefined) continue;
    if (node.tree === undefined || below.size === 0) {
      counts.files += 1;
      counts.bytes += node.size;
      nodes.push(node);
      continue;
    }
    counts.directories += 1;
    nodes.push({ ...node, tree: await treeOf(store, engine, node.tree, below, counts) });
  }
  for (const node of nodes) builder.add(node);
  return builder.finish();
}
