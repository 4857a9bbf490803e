/** Which one snapshot is meant: the start of its id, `latest`, `latest~2`, at a time; and which path in it. */
import { displayBytes, utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { filterSnapshots, type SnapshotFilter } from './filter.ts';
import { type Snapshot, takenAt } from './listing.ts';

export interface Reference {
  /** `latest` when only a path was given. */
  readonly snapshot: string;
  readonly path?: Uint8Array;
}

/** An id to be compared must leave no doubt; shorter ones are mostly slips. */
const LEAST_DIGITS = 4;
/** Candidates named in an error. */
const SHOWN = 5;

/**
 * `SNAPSHOT[:PATH]`, split at the first colon. Ids and `latest~N` have none, so paths may hold any. An empty path is none.
 * @param text of the command line: its bytes are UTF-8
 */
export function splitReference(text: string): Reference {
  const at = text.indexOf(':');
  if (at < 0) return { snapshot: text };
  const snapshot = at === 0 ? 'latest' : text.slice(0, at);
  const path = text.slice(at + 1);
  return path === '' ? { snapshot } : { snapshot, path: utf8(path) };
}

/** What is there, and is not among the snapshots that count. */
export interface SetAside {
  readonly removed?: readonly Snapshot[];
  readonly revoked?: readonly Snapshot[];
}

/**
 * The snapshot that `reference` means.
 * `latest` and `latest~N` count complete snapshots that the filter keeps, the newest first; with `filter.until` that is
 * "the last one not after". The start of an id means that snapshot, whatever the filter says.
 * @param snapshots oldest first
 * @param aside in the trash: only to be told of; of revoked keys: only by their ids
 * @throws NeoError usage when the reference is none, or several ids begin so; failed when there is no such snapshot
 */
export function selectSnapshot(
  snapshots: readonly Snapshot[],
  reference: string,
  filter: SnapshotFilter = { hosts: [], tags: [], paths: [] },
  { removed = [], revoked = [] }: SetAside = {},
): Snapshot {
  const match = /^latest(?:~(\d{1,9}))?$/.exec(reference);
  if (match !== null) return latest(snapshots, Number(match[1] ?? 0), filter);
  if (!/^[0-9a-f]{1,64}$/.test(reference)) throw notAReference(reference);
  const found = [...snapshots, ...revoked].filter(({ name }) => name.startsWith(reference));
  const [only] = found;
  if (only === undefined) {
    if (removed.some(({ name }) => name.startsWith(reference))) {
      throw new NeoError('failed', `snapshot ${reference} is in the trash`, { hint: 'bring it back: neo undo' });
    }
    throw new NeoError('failed', `there is no snapshot ${reference}`, { hint: 'see what is there: neo snapshots' });
  }
  if (found.length > 1) throw ambiguous(reference, found);
  if (reference.length < LEAST_DIGITS) {
    throw new NeoError('usage', `${reference} is too short for an id`, { hint: `write ${only.name.slice(0, 8)}` });
  }
  return only;
}

function latest(snapshots: readonly Snapshot[], back: number, filter: SnapshotFilter): Snapshot {
  const kept = filterSnapshots(snapshots, filter);
  const complete = kept.filter(({ body }) => body.kind === 'snapshot');
  const found = complete.at(-1 - back);
  if (found !== undefined) return found;
  if (complete.length > 0) {
    const what = complete.length === 1 ? 'only one' : `only ${complete.length}`;
    throw new NeoError('failed', `there is no latest~${back}: ${what} such snapshots`, { hint: 'see: neo snapshots' });
  }
  const partial = kept.at(-1);
  if (partial !== undefined) {
    throw new NeoError('failed', `there is no complete snapshot, only a ${partial.body.kind} one`, {
      hint: `name it, if it will do: ${partial.name.slice(0, 8)}`,
    });
  }
  throw nothing(snapshots, filter);
}

function nothing(snapshots: readonly Snapshot[], filter: SnapshotFilter): NeoError {
  const [first] = snapshots;
  if (first === undefined) {
    return new NeoError('failed', 'there are no snapshots yet', { hint: 'make one with: neo snapshot PATH' });
  }
  const { until } = filter;
  const { until: _, ...rest } = filter;
  const [oldest] = filterSnapshots(snapshots, rest);
  if (until !== undefined && oldest !== undefined) {
    const when = new Date(takenAt(oldest)).toISOString();
    return new NeoError('failed', `there is no snapshot that old: the first was taken at ${when}`, {
      hint: 'see: neo snapshots',
    });
  }
  const said = [
    ...filter.hosts.map((host) => `host ${host}`),
    ...filter.tags.map((tag) => `tag ${tag}`),
    ...filter.paths.map((path) => `path ${displayBytes(path)}`),
  ];
  return new NeoError('failed', `no snapshot with ${said.join(', ')}`, { hint: 'see what is there: neo snapshots' });
}

function ambiguous(reference: string, found: readonly Snapshot[]): NeoError {
  const names = found.slice(0, SHOWN).map(({ name }) => name.slice(0, distinctLength(found)));
  const more = found.length > SHOWN ? ` and ${found.length - SHOWN} more` : '';
  return new NeoError('usage', `${reference} could be ${names.join(', ')}${more}`, { hint: 'write more of the id' });
}

/** Digits that tell all of them apart, 8 at least. */
function distinctLength(found: readonly Snapshot[]): number {
  let length = 8;
  while (length < 64 && new Set(found.map(({ name }) => name.slice(0, length))).size < found.length) length += 1;
  return length;
}

function notAReference(reference: string): NeoError {
  return new NeoError('usage', `not a snapshot: ${JSON.stringify(reference)}`, {
    hint: 'write the start of an id, latest or latest~2; for a path: latest:/path',
  });
}
