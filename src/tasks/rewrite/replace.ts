/** New snapshots in place of old ones: each is whole before its original goes to the trash. */
import { toBase64 } from '../../core/bytes.ts';
import { throwIfAborted } from '../../core/concurrency.ts';
import { NeoError } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import type { ObjectName } from '../../core/ids.ts';
import type { ClientState } from '../../repo/client-state.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { putRecord } from '../../repo/record.ts';
import type { SessionWriter } from '../../repo/session-writer.ts';
import { rememberHeads } from '../../snapshot/heads.ts';
import { type ListedHead, listHeads, type Snapshot } from '../../snapshot/listing.ts';
import { doubtOf } from '../../snapshot/marks.ts';
import type { SnapshotBody } from '../../snapshot/snapshot.ts';
import { commitSnapshot, type Standing, type Validation } from '../commit.ts';
import { dropSnapshots } from '../forget.ts';
import { sealBody } from '../seal-snapshot.ts';
import { lookAtSnapshots, type VisibleSnapshots } from '../snapshots.ts';

export interface ReplaceOptions {
  /** All that is there, as it was looked at just before. */
  readonly look: VisibleSnapshots;
  /** Which ones of it. */
  readonly snapshots: readonly Snapshot[];
  /** What they were made from stays beside them. */
  readonly keepOriginals: boolean;
  /** Milliseconds that the originals stay in the trash. */
  readonly trash: number;
  readonly dryRun: boolean;
  /** Milliseconds (repo/grace.ts); for tests alone. */
  readonly graceFloor?: number;
}

export interface Rewritten {
  readonly original: Snapshot;
  /** Absent for a dry run. */
  readonly name?: ObjectName;
}

export interface RewriteSummary {
  readonly rewritten: readonly Rewritten[];
  /** Nothing would be different. */
  readonly unchanged: readonly Snapshot[];
  /** Of the originals. */
  readonly removal?: ObjectName;
}

/** @throws NeoError integrity */
export function refuseRollback({ alarms }: VisibleSnapshots, { dryRun }: { readonly dryRun: boolean }): void {
  if (alarms.length === 0 || dryRun) return;
  throw new NeoError('integrity', 'the repository went back: nothing is rewritten in it', {
    hint: 'see what is missing: neo snapshots; to go on with it as it is now: --accept-rollback',
  });
}

export interface Replacement {
  readonly options: ReplaceOptions;
  readonly standing: Standing;
  /** What new bodies refer to is durable in it. */
  readonly session: SessionWriter;
  readonly bodyOf: (original: Snapshot) => SnapshotBody;
  /** Nothing is believed because the original is there: each blob is looked up. */
  readonly everything?: boolean;
}

/** @throws NeoError interrupted, and as commitSnapshot */
export async function replaceSnapshots(
  repository: IndexedRepository,
  state: ClientState,
  { options, standing, session, bodyOf, everything = false }: Replacement,
  events: EventSink,
  signal?: AbortSignal,
): Promise<RewriteSummary> {
  const publisher = new Publisher(repository, { standing, session, options, events, everything });
  const rewritten: Rewritten[] = [];
  const unchanged: Snapshot[] = [];
  for (const original of options.snapshots) {
    throwIfAborted(signal);
    const body = bodyOf(original);
    if (isSame(original.body, body)) unchanged.push(original);
    else rewritten.push({ original, ...(await publisher.publish(original, body)) });
  }
  if (options.dryRun || rewritten.length === 0) return { rewritten, unchanged };
  await rememberHeads(repository, state, publisher.heads, events);
  if (options.keepOriginals) return { rewritten, unchanged };
  const fresh = await lookAtSnapshots(repository, state, events);
  const survivors = rewritten.map((one) => survivorOf(one, fresh));
  const dropped = survivors.flatMap(({ original, doubles }) => [original.name, ...doubles]);
  const removal = await dropSnapshots(repository, fresh, dropped, options.trash);
  const kept = survivors.map(({ original, name }) => ({ original, name }));
  return { rewritten: kept, unchanged, ...(removal === undefined ? {} : { removal }) };
}

interface Survivor {
  readonly original: Snapshot;
  readonly name: ObjectName;
  /** The same, made from the same one by somebody who did so at the same time. */
  readonly doubles: readonly ObjectName[];
}

/** Everybody keeps the same one of several. */
function survivorOf({ original, name }: Rewritten, { snapshots, records }: VisibleSnapshots): Survivor {
  const own = snapshots.find((snapshot) => snapshot.name === name);
  const made = snapshots.filter(
    (other) => own !== undefined && isMadeFrom(other, original) && isSame(other.body, own.body),
  );
  const [first = name ?? original.name, ...others] = made.map((each) => each.name).sort();
  return { original, name: first, doubles: others.filter((other) => !records.pins.has(other)) };
}

/** But for what each was made from. */
function isSame(a: SnapshotBody, b: SnapshotBody): boolean {
  const text = ({ tree, tags, host, time, label, description }: SnapshotBody): string =>
    JSON.stringify([toBase64(tree), tags, host, time, label, description]);
  return text(a) === text(b);
}

interface PublisherMeans {
  readonly standing: Standing;
  readonly session: SessionWriter;
  readonly options: ReplaceOptions;
  readonly events: EventSink;
  readonly everything: boolean;
}

class Publisher {
  readonly #repository: IndexedRepository;
  readonly #means: PublisherMeans;
  heads: readonly ListedHead[];

  constructor(repository: IndexedRepository, means: PublisherMeans) {
    this.#repository = repository;
    this.#means = means;
    this.heads = means.options.look.heads;
  }

  async publish(original: Snapshot, body: SnapshotBody): Promise<{ readonly name?: ObjectName }> {
    const { options } = this.#means;
    const { look } = options;
    if (options.dryRun) return {};
    const made = look.snapshots.find((other) => isMadeFrom(other, original) && isSame(other.body, body));
    const name = made?.name ?? (await this.#commit(original, body));
    await this.#movePin(original.name, name);
    return { name };
  }

  async #commit(original: Snapshot, body: SnapshotBody): Promise<ObjectName> {
    const repository = this.#repository;
    const { standing, session, events, options, everything } = this.#means;
    const { look } = options;
    const { heads } = this;
    const { graceFloor } = options;
    const name = await commitSnapshot(
      repository,
      {
        standing,
        session,
        root: body.tree,
        restsOn: original.name,
        // What others may only believe of its maker must be stored by who is believed; and on doubt nothing rests.
        everything: everything || original.role !== 'full' || doubtOf(original, look.records) !== undefined,
        seal: (validation: Validation) => sealBody(repository, session.session, heads, validation, body),
        ...(graceFloor === undefined ? {} : { graceFloor }),
      },
      events,
    );
    this.heads = (await listHeads(repository, heads)).heads;
    return name;
  }

  /** Who pinned the original meant what it holds. */
  async #movePin(original: ObjectName, name: ObjectName): Promise<void> {
    const pin = this.#means.options.look.records.pins.get(original);
    if (pin === undefined || this.#means.options.keepOriginals) return;
    const { until, reason } = pin;
    const time = await this.#repository.backend.now();
    const what = { ...(until === undefined ? {} : { until }), ...(reason === undefined ? {} : { reason }) };
    const { records } = this.#means.options.look;
    await putRecord(this.#repository, records, { type: 'pin', subject: name, time, pinned: true, ...what });
    await putRecord(this.#repository, records, { type: 'pin', subject: original, time, pinned: false });
  }
}

function isMadeFrom({ role, body }: Snapshot, original: Snapshot): boolean {
  return role === 'full' && body.original?.snapshot === original.name;
}
