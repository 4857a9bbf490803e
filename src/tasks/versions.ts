/** Every content that a path has had, over all snapshots: the library's side of `neo versions`. */
import { displayBytes } from '../core/bytes.ts';
import { isNeoError, messageOf, NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import { toLatin1 } from '../fs/ignore-pattern.ts';
import { pathOf, resolvePath } from '../fs/path.ts';
import { BlobReader } from '../repo/blob-reader.ts';
import { loadKnownIndex } from '../repo/indexed.ts';
import { filterSnapshots } from '../snapshot/filter.ts';
import { contentIdentity } from '../snapshot/identity.ts';
import { lineageOf } from '../snapshot/lineage.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import { type Found, PathFinder } from '../snapshot/lookup.ts';
import type { Node } from '../snapshot/node.ts';
import { History, type HistorySource } from './history.ts';

export interface FileVersion {
  /** From 1, in the order in which they were first seen. */
  readonly number: number;
  /** As it is stored. */
  readonly path: Uint8Array;
  /** As the newest snapshot with this content has it. */
  readonly node: Node;
  readonly first: Snapshot;
  readonly last: Snapshot;
  /** How many have it. */
  readonly snapshots: number;
  /** The newest complete snapshot of some host and paths has it. */
  readonly isCurrent: boolean;
}

export interface Versions {
  readonly versions: readonly FileVersion[];
  /** The first complete snapshot from which on it is gone; undefined where some host still has it. */
  readonly deletedBy: Snapshot | undefined;
}

interface Growing {
  readonly first: Snapshot;
  readonly last: Snapshot;
  readonly path: Uint8Array;
  readonly node: Node;
  readonly snapshots: number;
}

interface Newest {
  readonly identity: string | undefined;
  readonly deletedBy: Snapshot | undefined;
}

/** What is known of a path from the oldest snapshots up to one. */
class Seen {
  readonly #byContent = new Map<string, Growing>();
  /** Of each host and paths that ever had it: what the newest complete snapshot says. */
  readonly #newest = new Map<string, Newest>();

  /** Snapshots come oldest first. */
  see(snapshot: Snapshot, found: Found | undefined): void {
    const node = found?.node;
    const identity = node && contentIdentity(node);
    if (found !== undefined && node !== undefined && identity !== undefined) {
      const { first = snapshot, snapshots = 0 } = this.#byContent.get(identity) ?? {};
      this.#byContent.set(identity, { first, last: snapshot, path: found.path, node, snapshots: snapshots + 1 });
    }
    // Another kind says only what it took.
    if (snapshot.body.kind !== 'snapshot') return;
    const lineage = lineageOf(snapshot.body);
    const before = this.#newest.get(lineage);
    if (identity !== undefined) this.#newest.set(lineage, { identity, deletedBy: undefined });
    else if (before !== undefined && before.deletedBy === undefined) {
      this.#newest.set(lineage, { identity, deletedBy: snapshot });
    }
  }

  get versions(): Versions {
    const newest = [...this.#newest.values()];
    const versions = [...this.#byContent].map(([identity, found], n) => ({
      number: n + 1,
      ...found,
      isCurrent: newest.some((each) => each.identity === identity),
    }));
    const isThere = newest.some(({ deletedBy }) => deletedBy === undefined);
    const deletions = newest.flatMap(({ deletedBy }) => (deletedBy === undefined ? [] : [deletedBy]));
    const last = deletions.reduce<Snapshot | undefined>(
      (a, b) => (a === undefined || b.body.time > a.body.time ? b : a),
      undefined,
    );
    return { versions, deletedBy: isThere ? undefined : last };
  }
}

/**
 * @param snapshots of the source, oldest first
 * @param path absolute. A directory has one version; what is in it is not looked at.
 * @throws NeoError failed when no snapshot has it
 */
export async function findVersions(
  source: HistorySource,
  snapshots: readonly Snapshot[],
  path: Uint8Array,
  events: EventSink,
): Promise<Versions> {
  const chosen = filterSnapshots(snapshots, { hosts: [], tags: [], paths: [path] });
  const history = await History.openIfWorth(source, events);
  const seen = new Seen();
  if (history !== undefined) seeIn(history, chosen, path, seen);
  else await lookIntoEach(source, chosen, path, seen, events);
  const found = seen.versions;
  if (found.versions.length > 0) return found;
  throw new NeoError('failed', `no snapshot has anything at ${displayBytes(path)}`, {
    hint: 'look for it by its name: neo find NAME',
  });
}

function seeIn(history: History, snapshots: readonly Snapshot[], path: Uint8Array, seen: Seen): void {
  const exact = toLatin1(resolvePath(pathOf('/'), path));
  const shown = path.includes(BACKSLASH) ? displayBytes(path) : undefined;
  const isMeant = (at: string): boolean =>
    at === exact || (shown !== undefined && displayBytes(Buffer.from(at, 'latin1')) === shown);
  const at = new Map<number, Found>();
  for (const stretch of history.stretches(snapshots, isMeant)) {
    const node = stretch.node();
    const found = { path: Buffer.from(stretch.path, 'latin1'), node, tree: node.tree };
    for (const number of stretch.numbers()) if (!at.has(number) || stretch.path === exact) at.set(number, found);
  }
  for (const [number, snapshot] of snapshots.entries()) seen.see(snapshot, at.get(number));
}

const BACKSLASH = 0x5c;

async function lookIntoEach(
  { repository, state, indexed }: HistorySource,
  snapshots: readonly Snapshot[],
  path: Uint8Array,
  seen: Seen,
  events: EventSink,
): Promise<void> {
  const reader = new BlobReader(indexed ?? (await loadKnownIndex(repository, state)));
  const finder = new PathFinder((kind, key) => reader.load(kind, key), path);
  for (const snapshot of snapshots) {
    const found = await lookInto(finder, snapshot, path, events);
    if (found !== 'unreadable') seen.see(snapshot, found);
  }
}

async function lookInto(
  finder: PathFinder,
  { name, body }: Snapshot,
  path: Uint8Array,
  events: EventSink,
): Promise<Found | undefined | 'unreadable'> {
  try {
    return await finder.find(body.tree);
  } catch (error) {
    if (!isNeoError(error, 'integrity')) throw error;
    const message = `cannot be looked for in snapshot ${name.slice(0, 8)}: ${messageOf(error)}`;
    events({ type: 'warning', path, message, code: 'integrity' });
    return 'unreadable';
  }
}

/** @throws NeoError usage for a number that there is not; failed as {@link findVersions} */
export async function findVersion(
  source: HistorySource,
  snapshots: readonly Snapshot[],
  path: Uint8Array,
  number: number,
  events: EventSink,
): Promise<FileVersion> {
  const { versions } = await findVersions(source, snapshots, path, events);
  const found = versions[number - 1];
  if (found !== undefined) return found;
  const most = versions.length === 1 ? 'only version 1' : `versions 1 to ${versions.length}`;
  throw new NeoError('usage', `${displayBytes(path)} has no version ${number}, but ${most}`, {
    hint: 'see them: neo versions PATH',
  });
}
