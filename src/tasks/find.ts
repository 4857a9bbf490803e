/** Entries of all snapshots by name, size, time or content: the library's side of `neo find`. */
import { displayBytes, toHex } from '../core/bytes.ts';
import { messageOf, NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import { PatternList } from '../fs/ignore-list.ts';
import { parseOptionPattern } from '../fs/ignore-pattern.ts';
import { BlobReader } from '../repo/blob-reader.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { lineageOf } from '../snapshot/lineage.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import type { Node, NodeType } from '../snapshot/node.ts';
import { type Conditions, Search } from './find/search.ts';
import { type Hit as FoundHit, Sightings } from './find/sightings.ts';

export type Hit = FoundHit;

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
  /** One for each path and content: by path, and of one path in the order in which they were first seen. */
  readonly hits: readonly Hit[];
  /** Directories that could not be read; each was named. */
  readonly unreadable: number;
}

/**
 * A directory that many snapshots have in common is read once, and looked at once.
 * @param snapshots oldest first
 * @throws NeoError usage for a pattern that can match nothing; interrupted
 */
export async function findEntries(
  repository: IndexedRepository,
  snapshots: readonly Snapshot[],
  options: FindOptions,
  events: EventSink,
  signal?: AbortSignal,
): Promise<Findings> {
  const reader = new BlobReader(repository);
  const search = new Search(conditionsOf(options), { load: (kind, key) => reader.load(kind, key), events, signal });
  const sightings = new Sightings(snapshots);
  for (const [number, { body }] of snapshots.entries()) {
    events({ type: 'progress', phase: 'search', progress: { files: number, bytes: 0, totalFiles: snapshots.length } });
    sightings.add(lineageOf(body), number, await search.below(body.tree));
  }
  const hits = sightings.hits().filter(({ deleted }) => deleted || !options.deleted);
  return { hits, unreadable: search.unreadable };
}

/** @throws NeoError usage */
function conditionsOf(options: FindOptions): Conditions {
  const parsed = options.patterns.map((text) => parseOptionPattern('include', text, text, options.ignoreCase));
  const regex = regexOf(options);
  const tests = nodeTests(options);
  return {
    patterns: parsed.length === 0 ? undefined : new PatternList(parsed),
    path: regex === undefined ? () => true : (path) => regex.test(displayBytes(path)),
    node: (node) => tests.every((test) => test(node)),
  };
}

const MILLION = 1_000_000n;

function nodeTests({ types, leastSize, mostSize, newer, older, content }: FindOptions): ((node: Node) => boolean)[] {
  const tests: ((node: Node) => boolean)[] = [];
  if (types !== undefined) tests.push(({ type }) => types.includes(type));
  if (leastSize !== undefined) tests.push(({ type, size }) => type === 'file' && size >= leastSize);
  if (mostSize !== undefined) tests.push(({ type, size }) => type === 'file' && size <= mostSize);
  if (newer !== undefined) tests.push(({ mtime }) => mtime > BigInt(newer) * MILLION);
  if (older !== undefined) tests.push(({ mtime }) => mtime < BigInt(older) * MILLION);
  if (content !== undefined) {
    tests.push(({ contentHash }) => contentHash !== undefined && toHex(contentHash).startsWith(content));
  }
  return tests;
}

function regexOf({ regex, ignoreCase }: FindOptions): RegExp | undefined {
  if (regex === undefined) return undefined;
  try {
    return new RegExp(regex, ignoreCase ? 'iu' : 'u');
  } catch (error) {
    throw new NeoError('usage', `--regex ${regex}: ${messageOf(error)}`, { hint: 'as in JavaScript: \\.jpe?g$' });
  }
}
