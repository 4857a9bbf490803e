/** Puts snapshots in the trash: those that are named, or those that no rule keeps. */
import { displayBytes } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import type { ObjectName } from '../core/ids.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import { confirmWithin } from '../repo/grace.ts';
import { type Repository, requireFull } from '../repo/repository.ts';
import { filterSnapshots, type SnapshotFilter } from '../snapshot/filter.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import { putRemoval } from '../snapshot/removal.ts';
import {
  decideRetention,
  hasRules,
  type RetentionCandidate,
  type RetentionDecision,
  type RetentionRules,
} from '../snapshot/retention.ts';
import { selectSnapshot } from '../snapshot/select.ts';
import { lookAtSnapshots } from './snapshots.ts';

export const GROUP_KEYS = ['host', 'paths', 'tags'] as const;
export type GroupKey = (typeof GROUP_KEYS)[number];

export interface ForgetOptions {
  readonly rules: RetentionRules;
  /** What snapshots have in common that rules are applied to together; the key that made them always counts. */
  readonly groupBy: readonly GroupKey[];
  /** Rules look at no others. */
  readonly filter: SnapshotFilter;
  /** As a person names one snapshot; then rules decide nothing. */
  readonly references: readonly string[];
  /** How long what is removed can be brought back, milliseconds. */
  readonly trash: number;
  readonly dryRun: boolean;
  /** Also where more than half of a group would go. */
  readonly evenMost: boolean;
}

export type ForgetCandidate = RetentionCandidate & { readonly snapshot: Snapshot };
export type ForgetDecision = RetentionDecision<ForgetCandidate>;

export interface ForgetGroup {
  readonly client: string;
  readonly host?: string;
  readonly paths?: readonly Uint8Array[];
  readonly tags?: readonly string[];
  /** Newest first. */
  readonly decisions: readonly ForgetDecision[];
}

export interface ForgetSummary {
  readonly groups: readonly ForgetGroup[];
  readonly kept: number;
  readonly removed: number;
  /** What `neo undo` takes back; absent when nothing was removed. */
  readonly removal?: ObjectName;
  /** Until when, by the storage's clock, milliseconds. */
  readonly trashEnds?: number;
}

/**
 * @throws NeoError usage without rules and names, or for a name that is none; failed when more than half of a group
 * would go; permission-denied without role full
 */
export async function forget(
  repository: Repository,
  state: ClientState,
  options: ForgetOptions,
  events: EventSink,
): Promise<ForgetSummary> {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'remove snapshots');
  const byName = options.references.length > 0;
  if (!byName && !hasRules(options.rules)) {
    throw new NeoError('usage', 'nothing says which snapshots stay', {
      hint: 'name some to remove, or say what stays: --keep-last 7, --keep-daily 30 …',
    });
  }
  const { snapshots, heads, removals, alarms } = await lookAtSnapshots(repository, state, events);
  refuseAfterRollback(alarms, options);
  const now = await repository.backend.now();
  const groups = byName ? named(snapshots, options.references) : decide(snapshots, options, now);
  if (!byName && !options.evenMost) for (const group of groups) refuseMost(group);
  const gone = new Set(
    groups.flatMap(({ decisions }) => decisions.filter(({ keep }) => !keep).map(({ candidate }) => candidate.name)),
  );
  const counts = { groups, kept: snapshots.length - gone.size, removed: gone.size };
  if (gone.size === 0 || options.dryRun) return counts;
  // Storage's clock may count in seconds: the last one must still be the last one.
  const time = Math.max(now, (removals.at(-1)?.time ?? 0) + 1);
  const trashEnds = time + options.trash;
  const chosen = heads.filter(({ name }) => gone.has(name));
  return { ...counts, removal: await putRemoval(repository, chosen, { time, trashEnds }), trashEnds };
}

/** Rules would be applied to what is left of the past. */
function refuseAfterRollback(alarms: readonly string[], { dryRun }: ForgetOptions): void {
  if (alarms.length === 0 || dryRun) return;
  throw new NeoError('integrity', 'the repository went back: nothing is removed from it', {
    hint: 'see what is missing: neo snapshots; to go on with it as it is now: --accept-rollback',
  });
}

function candidateOf(snapshot: Snapshot, writeOnly: boolean): ForgetCandidate {
  const { name, received, head, body } = snapshot;
  const { kind, tags } = body;
  return {
    name,
    received,
    validated: head.validated,
    kind,
    client: head.client,
    writeOnly,
    tags,
    pinned: false,
    snapshot,
  };
}

/** One group for each key that made some. */
function named(snapshots: readonly Snapshot[], references: readonly string[]): ForgetGroup[] {
  const chosen = new Set(references.map((reference) => selectSnapshot(snapshots, reference)));
  const groups = Map.groupBy(chosen, ({ head }) => head.client);
  return [...groups].map(([client, members]) => ({
    client,
    decisions: members.map((snapshot) => ({
      candidate: candidateOf(snapshot, snapshot.role !== 'full'),
      keep: false,
      reasons: ['named'],
    })),
  }));
}

function decide(snapshots: readonly Snapshot[], { rules, groupBy, filter }: ForgetOptions, now: number): ForgetGroup[] {
  const groups = Map.groupBy(filterSnapshots(snapshots, filter), (snapshot) => groupName(snapshot, groupBy));
  return [...groups.values()].flatMap((members) => {
    const [first] = members;
    if (first === undefined) return [];
    const candidates = members.map((snapshot) => candidateOf(snapshot, snapshot.role !== 'full'));
    const decisions = decideRetention(candidates, rules, { now, confirmWithin: confirmWithin() });
    const { head, body } = first;
    return {
      client: head.client,
      ...(groupBy.includes('host') ? { host: body.host } : {}),
      ...(groupBy.includes('paths') ? { paths: sortedPaths(body.paths) } : {}),
      ...(groupBy.includes('tags') ? { tags: body.tags.toSorted() } : {}),
      decisions,
    };
  });
}

function sortedPaths(paths: readonly Uint8Array[]): Uint8Array[] {
  return [...paths].sort((a, b) => Buffer.compare(a, b));
}

function groupName({ head, body }: Snapshot, groupBy: readonly GroupKey[]): string {
  return JSON.stringify([
    head.client,
    groupBy.includes('host') ? body.host : '',
    groupBy.includes('paths') ? sortedPaths(body.paths).map((path) => Buffer.from(path).toString('latin1')) : '',
    groupBy.includes('tags') ? body.tags.toSorted() : '',
  ]);
}

/** A wrong `--group-by`, or a rule with a slip, shows by that. */
function refuseMost({ host, paths, decisions }: ForgetGroup): void {
  const gone = decisions.filter(({ keep }) => !keep).length;
  if (gone * 2 <= decisions.length) return;
  const what = [...(host === undefined ? [] : [host]), ...(paths ?? []).map((path) => displayBytes(path))].join(' ');
  const of = what === '' ? '' : ` of ${what}`;
  throw new NeoError('failed', `${gone} of ${decisions.length} snapshots${of} would go: more than half`, {
    hint: 'see why with --dry-run; if it is right, say --yes',
  });
}
