/** Entries of all snapshots by name, size, time or content: the library's side of `neo find`. */
import { displayBytes, toHex } from '../core/bytes.ts';
import { messageOf, NeoError } from '../core/errors.ts';
import { PatternList, type ScopedPatterns } from '../fs/ignore-list.ts';
import { parseOptionPattern } from '../fs/ignore-pattern.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import type { Node, NodeType } from '../snapshot/node.ts';
import type { History, Stretch } from './history.ts';

export interface Hit {
  readonly path: Uint8Array;
  /** As the newest snapshot with this content has it. */
  readonly entry: Pick<Node, 'type' | 'size' | 'mtime'>;
  /** The same, all of it. */
  node(): Node;
  readonly first: Snapshot;
  readonly last: Snapshot;
  readonly snapshots: number;
  /** The newest complete snapshot of each host and paths has nothing there. */
  readonly deleted: boolean;
}

export interface FindOptions {
  /** Globs as in gitignore: without a slash on names, with one on paths. One of them has to match; none: all do. */
  readonly patterns: readonly string[];
  /** A regular expression on paths as they are shown. */
  readonly regex?: string;
  readonly ignoreCase: boolean;
  readonly types?: readonly NodeType[];
  /** Bytes, of files. */
  readonly leastSize?: number;
  readonly mostSize?: number;
  /** Of the last change, milliseconds. */
  readonly newer?: number;
  readonly older?: number;
  /** The start of a keyed hash of the content in hex. */
  readonly content?: string;
  /** Only what the newest snapshot of the same host and paths has not. */
  readonly deleted: boolean;
}

export interface Findings {
  /**
   * One for each path and content: by path, and of one path in the order in which they were first seen. They are made as
   * they are asked for, once: there may be hundreds of thousands.
   */
  readonly hits: Iterable<Hit>;
  /** Directories that could not be read; each was named. */
  readonly unreadable: number;
}

/**
 * @param snapshots oldest first
 * @throws NeoError usage for a pattern that can match nothing
 */
export function findEntries(history: History, snapshots: readonly Snapshot[], options: FindOptions): Findings {
  const { isMeant, isHit } = conditionsOf(options);
  const stretches = [...history.stretches(snapshots, isMeant)];
  // Of latin1, so that the order of code units is that of bytes.
  stretches.sort((a, b) => (a.path < b.path ? -1 : Number(a.path > b.path)));
  return { hits: hitsOf(stretches, snapshots, options, isHit), unreadable: history.unreadable };
}

/** @param stretches by path */
function* hitsOf(
  stretches: readonly Stretch[],
  snapshots: readonly Snapshot[],
  { deleted }: FindOptions,
  isHit: (stretch: Stretch) => boolean,
): Generator<Hit> {
  for (const ofPath of byPath(stretches)) {
    const isThere = ofPath.some((stretch) => stretch.isThere);
    // Nodes are decoded only when they are asked for: of most paths it is enough that they are there.
    if (deleted && isThere) continue;
    for (const { newest: stretch, first, count } of byContent(ofPath)) {
      const [oldest, newest] = [snapshots[first], snapshots[stretch.last]];
      if (!isHit(stretch) || oldest === undefined || newest === undefined) continue;
      yield new StretchHit(stretch, { first: oldest, last: newest, snapshots: count, deleted: !isThere });
    }
  }
}

/** One of hundreds of thousands: without functions of its own. */
class StretchHit implements Hit {
  readonly path: Uint8Array;
  readonly first: Snapshot;
  readonly last: Snapshot;
  readonly snapshots: number;
  readonly deleted: boolean;
  readonly #stretch: Stretch;

  constructor(stretch: Stretch, seen: Pick<Hit, 'first' | 'last' | 'snapshots' | 'deleted'>) {
    this.#stretch = stretch;
    this.path = Buffer.from(stretch.path, 'latin1');
    this.first = seen.first;
    this.last = seen.last;
    this.snapshots = seen.snapshots;
    this.deleted = seen.deleted;
  }

  get entry(): Stretch['entry'] {
    return this.#stretch.entry;
  }

  node(): Node {
    return this.#stretch.node();
  }
}

/** All stretches of a path, whatever hosts had them. */
function* byPath(stretches: readonly Stretch[]): Generator<readonly Stretch[]> {
  for (let at = 0; at < stretches.length; ) {
    let end = at + 1;
    while (stretches[end]?.path === stretches[at]?.path) end += 1;
    yield stretches.slice(at, end);
    at = end;
  }
}

interface Sighting {
  newest: Stretch;
  first: number;
  count: number;
}

/** In the order in which they were first seen. */
function byContent(stretches: readonly Stretch[]): Iterable<Sighting> {
  const found = new Map<string, Sighting>();
  for (const stretch of stretches) {
    const { first, count, entry } = stretch;
    // Mostly it is one.
    if (stretches.length === 1) return [{ newest: stretch, first, count }];
    const known = found.get(entry.identity);
    if (known === undefined) found.set(entry.identity, { newest: stretch, first, count });
    else {
      if (stretch.last > known.newest.last) known.newest = stretch;
      known.first = Math.min(known.first, first);
      known.count += count;
    }
  }
  return [...found.values()].sort((a, b) => a.first - b.first);
}

interface Conditions {
  /** Of a path: it is one that is looked for. */
  readonly isMeant: (path: string, isDirectory: boolean) => boolean;
  readonly isHit: (stretch: Stretch) => boolean;
}

/** @throws NeoError usage */
function conditionsOf(options: FindOptions): Conditions {
  const parsed = options.patterns.map((text) => parseOptionPattern('include', text, text, options.ignoreCase));
  const regex = regexOf(options);
  const tests = stretchTests(options);
  const matches = parsed.length === 0 ? () => true : matcherOf(new PatternList(parsed));
  return {
    isMeant: (path, isDirectory) =>
      matches(path, isDirectory) && (regex === undefined || regex.test(displayBytes(Buffer.from(path, 'latin1')))),
    isHit: (stretch) => tests.every((test) => test(stretch)),
  };
}

/** Each directory's view of the patterns is made once. */
function matcherOf(patterns: PatternList): Conditions['isMeant'] {
  const scopes = new Map<string, ScopedPatterns>();
  const scopeOf = (directory: string): ScopedPatterns => {
    const known = scopes.get(directory);
    if (known !== undefined) return known;
    const made = patterns.at(directory);
    scopes.set(directory, made);
    return made;
  };
  return (path, isDirectory) => {
    const slash = path.lastIndexOf('/') + 1;
    const match = scopeOf(path.slice(1, slash)).lastMatch(path.slice(slash), isDirectory ? 'directory' : 'other');
    return match !== undefined && !match.rule.negated;
  };
}

const MILLION = 1_000_000n;

type Test = (stretch: Stretch) => boolean;

function stretchTests({ types, leastSize, mostSize, newer, older, content }: FindOptions): Test[] {
  const tests: Test[] = [];
  if (types !== undefined) tests.push(({ entry }) => types.includes(entry.type));
  if (leastSize !== undefined) tests.push(({ entry }) => entry.type === 'file' && entry.size >= leastSize);
  if (mostSize !== undefined) tests.push(({ entry }) => entry.type === 'file' && entry.size <= mostSize);
  if (newer !== undefined) tests.push(({ entry }) => entry.mtime > BigInt(newer) * MILLION);
  if (older !== undefined) tests.push(({ entry }) => entry.mtime < BigInt(older) * MILLION);
  if (content !== undefined) tests.push((stretch) => hasContent(stretch.node(), content));
  return tests;
}

function hasContent({ contentHash }: Node, start: string): boolean {
  return contentHash !== undefined && toHex(contentHash).startsWith(start);
}

function regexOf({ regex, ignoreCase }: FindOptions): RegExp | undefined {
  if (regex === undefined) return undefined;
  try {
    return new RegExp(regex, ignoreCase ? 'iu' : 'u');
  } catch (error) {
    throw new NeoError('usage', `--regex ${regex}: ${messageOf(error)}`, { hint: 'as in JavaScript: \\.jpe?g$' });
  }
}
