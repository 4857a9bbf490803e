/** Puts snapshots in the trash: those that are named, or those that no rule keeps. */
import { displayBytes } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import type { ObjectName } from '../core/ids.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import { confirmWithin } from '../repo/grace.ts';
import { isPinned, type RecordListing } from '../repo/record.ts';
import { type Repository, requireFull } from '../repo/repository.ts';
import { filterSnapshots, type SnapshotFilter } from '../snapshot/filter.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import { policiesOf, policyFor } from '../snapshot/policy.ts';
import { putRemoval, type RemovalReason } from '../snapshot/removal.ts';
import {
  decideRetention,
  hasRules,
  type RetentionCandidate,
  type RetentionDecision,
  type RetentionRules,
} from '../snapshot/retention.ts';
import { selectSnapshot } from '../snapshot/select.ts';
import { planKeptVersions, stashVersions } from './forget/kept-versions.ts';
import { lookAtSnapshots, type VisibleSnapshots } from './snapshots.ts';

export const GROUP_KEYS = ['host', 'paths', 'tags'] as const;
export type GroupKey = (typeof GROUP_KEYS)[number];

export interface ForgetOptions {
  /** Without any, and without names: the policies that are stored in the repository. */
  readonly rules: RetentionRules;
  /** What snapshots have in common that rules are applied to together; the key that made them always counts. */
  readonly groupBy: readonly GroupKey[];
  /** Rules look at no others. */
  readonly filter: SnapshotFilter;
  /** As a person names one snapshot; then rules decide nothing. */
  readonly references: readonly string[];
  /** All of revoked keys that count no more; then rules decide nothing, either. */
  readonly revoked?: boolean;
  /** How long what is removed can be brought back, milliseconds. */
  readonly trash: number;
  readonly dryRun: boolean;
  /** Also where more than half of a group would go. */
  readonly evenMost: boolean;
  /** Who makes the stashes that policies of versions ask for. */
  readonly program?: string;
  /** Milliseconds (repo/grace.ts); for tests alone. */
  readonly graceFloor?: number;
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
  /** Files whose content here a policy keeps when these go: they are stashed. */
  readonly versionsKept: number;
  /** Of earlier runs: stashes of which no policy wants anything any more. */
  readonly stashesDropped: number;
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
  const byName = options.references.length > 0 || options.revoked === true;
  const look = await lookAtSnapshots(repository, state, events);
  const { snapshots, revoked, records } = look;
  if (!options.dryRun) refuseAfterRollback(look);
  const now = await repository.backend.now();
  const standing = { now, records };
  const groups = byName ? named({ snapshots, revoked }, options, standing) : decide(snapshots, options, standing);
  if (!byName && !options.evenMost) for (const group of groups) refuseMost(group, options.dryRun, events);
  const gone = new Set(
    groups.flatMap(({ decisions }) => decisions.filter(({ keep }) => !keep).map(({ candidate }) => candidate.name)),
  );
  const plan = await planKeptVersions(repository, look, gone, now, events);
  const counts = {
    groups,
    kept: snapshots.length - gone.size,
    removed: gone.size,
    versionsKept: [...plan.stashes.values()].reduce((sum, paths) => sum + paths.size, 0),
    stashesDropped: plan.obsolete.size,
  };
  const leaving = new Set([...gone, ...plan.obsolete]);
  if (leaving.size === 0 || options.dryRun) return counts;
  await stashVersions(repository, state, plan, records, { program: 'neo', ...options, events });
  // Stashing takes its time: the trash begins when they go there.
  const then = await repository.backend.now();
  return { ...counts, ...(await remove(repository, look, leaving, { now: then, trash: options.trash })) };
}

async function remove(
  repository: Repository,
  { heads, removals }: VisibleSnapshots,
  names: ReadonlySet<ObjectName>,
  { now, trash, why }: { readonly now: number; readonly trash: number; readonly why?: RemovalReason | undefined },
): Promise<{ readonly removal: ObjectName; readonly trashEnds: number }> {
  // Storage's clock may count in seconds: the last one must still be the last one.
  const time = Math.max(now, (removals.at(-1)?.time ?? 0) + 1);
  const trashEnds = time + trash;
  const chosen = heads.filter(({ name }) => names.has(name));
  return { removal: await putRemoval(repository, chosen, { time, trashEnds }, why), trashEnds };
}

/** Milliseconds. */
export const DEFAULT_TRASH = 7 * 86_400_000;

/**
 * Puts those of `names` in the trash that are there. `look`: made just before.
 * @returns the removal; undefined when none of them is there
 * @throws NeoError failed for one that is pinned; integrity after a rollback; permission-denied without role full
 */
export async function dropSnapshots(
  repository: Repository,
  look: VisibleSnapshots,
  names: readonly ObjectName[],
  trash = DEFAULT_TRASH,
  why?: RemovalReason,
): Promise<ObjectName | undefined> {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'remove snapshots');
  refuseAfterRollback(look);
  const now = await repository.backend.now();
  const wanted = new Set(names);
  const present = [...look.snapshots, ...look.shares, ...look.late, ...look.revoked]
    .map(({ name }) => name)
    .filter((name) => wanted.has(name));
  for (const name of present) refusePinned(name, { now, records: look.records });
  if (present.length === 0) return undefined;
  return (await remove(repository, look, new Set(present), { now, trash, why })).removal;
}

/** Rules would be applied to what is left of the past. */
function refuseAfterRollback({ alarms }: VisibleSnapshots): void {
  if (alarms.length === 0) return;
  throw new NeoError('integrity', 'the repository went back: nothing is removed from it', {
    hint: 'see what is missing: neo snapshots; to go on with it as it is now: --accept-rollback',
  });
}

/** @throws NeoError failed */
function refusePinned(name: ObjectName, { now, records }: Standing): void {
  if (!isPinned(records, name, now)) return;
  const short = name.slice(0, 8);
  throw new NeoError('failed', `snapshot ${short} is pinned: it stays`, { hint: `first: neo pin --remove ${short}` });
}

interface Standing {
  /** By the storage's clock, milliseconds. */
  readonly now: number;
  readonly records: RecordListing;
}

function candidateOf(snapshot: Snapshot, { now, records }: Standing): ForgetCandidate {
  const { name, received, arrived, head, body } = snapshot;
  const { kind, tags } = body;
  return {
    name,
    received,
    arrived,
    validated: head.validated,
    kind,
    client: head.client,
    writeOnly: snapshot.role !== 'full',
    tags,
    pinned: isPinned(records, name, now),
    confirmed: records.confirmed.has(name),
    snapshot,
  };
}

/** One group for each key that made some. @throws NeoError failed for one that is pinned */
function named(
  { snapshots, revoked }: Pick<VisibleSnapshots, 'snapshots' | 'revoked'>,
  options: Pick<ForgetOptions, 'references' | 'revoked'>,
  standing: Standing,
): ForgetGroup[] {
  const chosen = new Set(options.references.map((name) => selectSnapshot(snapshots, name, undefined, { revoked })));
  if (options.revoked === true) for (const snapshot of revoked) chosen.add(snapshot);
  for (const { name } of chosen) refusePinned(name, standing);
  const groups = Map.groupBy(chosen, ({ head }) => head.client);
  return [...groups].map(([client, members]) => ({
    client,
    decisions: members.map((snapshot) => ({
      candidate: candidateOf(snapshot, standing),
      keep: false,
      reasons: ['named'],
    })),
  }));
}

/** @throws NeoError usage when nothing says what stays; needs-newer-neo for a policy that is not understood */
function decide(snapshots: readonly Snapshot[], options: ForgetOptions, standing: Standing): ForgetGroup[] {
  const { groupBy, filter } = options;
  const rulesFor = hasRules(options.rules) ? () => options.rules : storedRules(standing.records);
  const chosen = filterSnapshots(snapshots, filter);
  const byRules = Map.groupBy(chosen, (snapshot) => rulesFor(snapshot));
  return [...byRules].flatMap(([rules, all]) => {
    const groups = Map.groupBy(all, (snapshot) => groupName(snapshot, groupBy));
    return [...groups.values()].flatMap((members) => decideGroup(members, groupBy, rules, standing));
  });
}

const NO_RULES: RetentionRules = {};

/** Those without a policy stay. */
function storedRules(records: RecordListing): (snapshot: Snapshot) => RetentionRules {
  if (records.later.length > 0) {
    throw new NeoError('needs-newer-neo', 'a policy may be of a later version: nothing goes by what is stored', {
      hint: 'install a newer neo, or say what stays: --keep-last 7 …',
    });
  }
  const policies = policiesOf(records);
  if (policies.length > 0) return ({ body }) => policyFor(policies, body)?.rules ?? NO_RULES;
  throw new NeoError('usage', 'nothing says which snapshots stay', {
    hint: 'say what stays: --keep-last 7, --keep-daily 30 …; once for all: neo policy set; or name some to remove',
  });
}

function decideGroup(
  members: readonly Snapshot[],
  groupBy: readonly GroupKey[],
  rules: RetentionRules,
  standing: Standing,
): ForgetGroup[] {
  const [first] = members;
  if (first === undefined) return [];
  const candidates = members.map((snapshot) => candidateOf(snapshot, standing));
  const decisions = decideRetention(candidates, rules, { now: standing.now, confirmWithin: confirmWithin() });
  const { head, body } = first;
  return [
    {
      client: head.client,
      ...(groupBy.includes('host') ? { host: body.host } : {}),
      ...(groupBy.includes('paths') ? { paths: sortedPaths(body.paths) } : {}),
      ...(groupBy.includes('tags') ? { tags: body.tags.toSorted() } : {}),
      decisions,
    },
  ];
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

/** A wrong `--group-by`, or a rule with a slip, shows by that; a dry run only says so. */
function refuseMost({ host, paths, decisions }: ForgetGroup, dryRun: boolean, events: EventSink): void {
  const gone = decisions.filter(({ keep }) => !keep).length;
  if (gone * 2 <= decisions.length) return;
  const what = [...(host === undefined ? [] : [host]), ...(paths ?? []).map((path) => displayBytes(path))].join(' ');
  const of = what === '' ? '' : ` of ${what}`;
  const message = `${gone} of ${decisions.length} snapshots${of} would go: more than half`;
  if (dryRun) events({ type: 'warning', message: `${message}; without --yes it is refused` });
  else throw new NeoError('failed', message, { hint: 'see why with --dry-run; if it is right, say --yes' });
}
