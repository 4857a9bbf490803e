/** Snapshots from one repository into another (docs/decisions/0015-copy.md). */
import { throwIfAborted } from '../core/concurrency.ts';
import { isNeoError, messageOf, NeoError } from '../core/errors.ts';
import { type EventSink, ignoreEvents } from '../core/events.ts';
import type { ContentKey, ObjectName } from '../core/ids.ts';
import { refuseExpired } from '../repo/certificate.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import { hasSecretsOf } from '../repo/content-epoch.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { requireFull } from '../repo/repository.ts';
import { runWriter } from '../repo/run-writer.ts';
import { rememberHeads } from '../snapshot/heads.ts';
import { type ListedHead, listHeads, type Snapshot } from '../snapshot/listing.ts';
import { doubtOf } from '../snapshot/marks.ts';
import type { Original, SnapshotBody } from '../snapshot/snapshot.ts';
import { commitSnapshot, type Standing, takeStanding, type Validation } from './commit.ts';
import { type Basis, Recoder } from './copy/recode.ts';
import { BlobCopy, lacking } from './copy/same-secrets.ts';
import { reachable } from './reachable.ts';
import { refuseRollback } from './rewrite/replace.ts';
import { sealBody } from './seal-snapshot.ts';
import type { VisibleSnapshots } from './snapshots.ts';

export interface CopyOptions {
  readonly from: IndexedRepository;
  readonly fromLook: VisibleSnapshots;
  /** Which ones of it, oldest first. */
  readonly snapshots: readonly Snapshot[];
  /** The user has named them: what was made anew of one, there, does not stand for it. */
  readonly named?: boolean;
  readonly to: IndexedRepository;
  readonly toState: ClientState;
  /** All that is there, as it was looked at just before. */
  readonly toLook: VisibleSnapshots;
  readonly dryRun: boolean;
  /** Threads that read trees; 0 does everything in this one. */
  readonly workers: number;
  /** Milliseconds (repo/grace.ts); for tests alone. */
  readonly graceFloor?: number;
}

export interface CopiedSnapshot {
  readonly original: Snapshot;
  /** In the target; absent in a dry run. */
  readonly name?: ObjectName;
}

export interface CopySummary {
  readonly copied: readonly CopiedSnapshot[];
  /** There already, in the trash too. */
  readonly present: readonly Snapshot[];
  readonly failed: readonly { readonly original: Snapshot; readonly reason: string }[];
  /** In the target: copies of snapshots that were made anew here since, perhaps without what they should not hold. */
  readonly superseded: readonly Snapshot[];
  /** The content secrets are the same: blobs have the same ids in both. */
  readonly sameSecrets: boolean;
  /** Of packs and segments. In a dry run with other secrets 0: it is not known. */
  readonly bytesStored: number;
  readonly durationMs: number;
}

/**
 * What is there already is not copied again, so that an interrupted run goes on where it was. Each snapshot is whole in
 * the target before it is listed there, and counts as old as it was.
 * @throws NeoError permission-denied without role full in both; usage for one repository with itself; integrity after a
 * rollback; interrupted, no-space, unreachable. A snapshot that cannot be read is in the summary.
 */
export async function copySnapshots(
  options: CopyOptions,
  events: EventSink = ignoreEvents,
  signal?: AbortSignal,
): Promise<CopySummary> {
  const { from, to, toLook } = options;
  requireFeatures(from.config, 'read');
  requireFeatures(to.config, 'write');
  requireOneConfig(to.chain);
  requireFull(from, 'copy what it holds');
  requireFull(to, 'copy into it');
  if (from.id === to.id)
    throw new NeoError('usage', 'a repository cannot be copied into itself', { hint: 'name another with --to' });
  refuseRollback(toLook, options);
  if (!options.dryRun) refuseExpired(to.signer.certificate, await to.backend.now());
  const started = from.clock.monotonic();
  const copy = new Copy(options, events, () => throwIfAborted(signal));
  return { ...(await copy.run()), durationMs: Math.round(from.clock.monotonic() - started) };
}

interface Failure {
  readonly original: Snapshot;
  readonly reason: string;
}

class Copy {
  readonly #options: CopyOptions;
  readonly #events: EventSink;
  readonly #throwIfStopped: () => void;
  readonly #copied: CopiedSnapshot[] = [];
  readonly #failed: Failure[] = [];
  readonly #present: Snapshot[] = [];
  readonly #wanted: Snapshot[] = [];
  readonly #sameSecrets: boolean;
  #heads: readonly ListedHead[];
  #files = 0;
  #bytes = 0;
  #stored = 0;

  constructor(options: CopyOptions, events: EventSink, throwIfStopped: () => void) {
    this.#options = options;
    this.#events = events;
    this.#throwIfStopped = throwIfStopped;
    this.#heads = options.toLook.heads;
    this.#sameSecrets = hasSecretsOf(options.to.keys.content, options.from.keys.content);
    const isThere = whatIsIn(options.toLook, options.named === true);
    for (const snapshot of options.snapshots) (isThere(snapshot) ? this.#present : this.#wanted).push(snapshot);
  }

  async run(): Promise<Omit<CopySummary, 'durationMs'>> {
    if (this.#wanted.length > 0) await (this.#sameSecrets ? this.#asTheyLie() : this.#recoded());
    const { to, toState, dryRun } = this.#options;
    if (!dryRun) await rememberHeads(to, toState, this.#heads, this.#events);
    return {
      copied: this.#copied,
      present: this.#present,
      failed: this.#failed,
      superseded: supersededIn(this.#options),
      sameSecrets: this.#sameSecrets,
      bytesStored: this.#stored,
    };
  }

  async #asTheyLie(): Promise<void> {
    const { from, to, workers, dryRun } = this.#options;
    const standing = await takeStanding(to);
    const roots = this.#wanted.map((snapshot) => ({ snapshot, tree: snapshot.body.tree }));
    const onTrees = (files: number): void =>
      this.#events({ type: 'progress', phase: 'read trees', progress: { files, bytes: 0 } });
    const reached = await reachable(from, roots, { workers, onTrees, throwIfStopped: this.#throwIfStopped });
    for (const { snapshot } of reached.unreadable) this.#fail(snapshot, 'a directory of it cannot be read');
    const transfer = {
      from,
      to,
      table: reached.table,
      throwIfStopped: this.#throwIfStopped,
      onBlob: (bytes: number) => this.#progress(bytes),
    };
    if (dryRun) {
      for (const blobs of lacking(transfer).values()) {
        this.#stored += blobs.reduce((sum, { place }) => sum + place.length, 0);
      }
      for (const original of this.#open()) this.#copied.push({ original });
      return;
    }
    const copy = new BlobCopy(transfer);
    try {
      await copy.run();
      const isDoubtful = copy.failed + reached.missing.length > 0;
      for (const original of this.#open()) {
        await this.#attempt(original, async () => {
          // Where something could not be copied, each blob is looked up before a snapshot names it.
          const commit = { standing, session: copy.copier.session, root: original.body.tree, everything: isDoubtful };
          await this.#publish(original, commit);
        });
      }
    } finally {
      this.#stored += copy.copier.session.storedBytes;
      await copy.copier.close();
    }
  }

  /** Neither copied nor failed. */
  #open(): Snapshot[] {
    const failed = new Set(this.#failed.map(({ original }) => original));
    return this.#wanted.filter((snapshot) => !failed.has(snapshot));
  }

  async #recoded(): Promise<void> {
    const { from, to, dryRun } = this.#options;
    if (dryRun) {
      for (const original of this.#wanted) this.#copied.push({ original });
      return;
    }
    const standing = await takeStanding(to);
    const { session, writer } = runWriter(to, false);
    const level = Math.min(to.config.compression, to.engine.maxCompressionLevel);
    const recoder = new Recoder({
      from,
      to,
      save: (kind, bytes) => writer.save(kind, bytes, level).key,
      room: () => session.room(),
      onFile: (bytes) => this.#progress(bytes),
      throwIfStopped: this.#throwIfStopped,
    });
    try {
      for (const original of this.#wanted) {
        await this.#attempt(original, async () => {
          const { restsOn, basis } = this.#basisFor(original) ?? {};
          const root = await recoder.tree(original.body.tree, basis);
          writer.finish();
          await session.finish();
          await this.#publish(original, { standing, session, root, ...(restsOn === undefined ? {} : { restsOn }) });
          this.#bases.push({ original, tree: root, name: this.#copied.at(-1)?.name });
        });
      }
    } finally {
      this.#stored += session.storedBytes;
      await session.close();
    }
  }

  readonly #bases: { readonly original: Snapshot; readonly tree: ContentKey; readonly name: ObjectName | undefined }[] =
    [];

  /** A snapshot that is in both: of the same host and paths, or else any; the newest. */
  #basisFor({ body }: Snapshot): { readonly restsOn: ObjectName; readonly basis: Basis } | undefined {
    if (this.#bases.length === 0) this.#bases.push(...knownBases(this.#options));
    const key = groupOf(body);
    const found = this.#bases.findLast(({ original }) => groupOf(original.body) === key) ?? this.#bases.at(-1);
    if (found?.name === undefined) return undefined;
    return { restsOn: found.name, basis: { from: found.original.body.tree, to: found.tree } };
  }

  /** One that cannot be read does not keep the others from being copied. */
  async #attempt(original: Snapshot, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!isNeoError(error, 'integrity') && !isNeoError(error, 'failed')) throw error;
      this.#fail(original, messageOf(error));
    }
  }

  #fail(original: Snapshot, reason: string): void {
    this.#failed.push({ original, reason });
    this.#events({
      type: 'warning',
      message: `snapshot ${original.name.slice(0, 8)} is not copied: ${reason}`,
      code: 'integrity',
    });
  }

  #progress(bytes: number): void {
    this.#files += 1;
    this.#bytes += bytes;
    this.#events({ type: 'progress', phase: 'copy', progress: { files: this.#files, bytes: this.#bytes } });
  }

  async #publish(
    original: Snapshot,
    commit: {
      readonly standing: Standing;
      readonly session: Parameters<typeof commitSnapshot>[1]['session'] & {
        readonly session: Parameters<typeof sealBody>[1];
      };
      readonly root: ContentKey;
      readonly restsOn?: ObjectName;
      readonly everything?: boolean;
    },
  ): Promise<void> {
    this.#throwIfStopped();
    const { to, graceFloor } = this.#options;
    const body = bodyOf(original, commit.root);
    const name = await commitSnapshot(
      to,
      {
        ...commit,
        restsOn: commit.restsOn,
        seal: (validation: Validation) => sealBody(to, commit.session.session, this.#heads, validation, body),
        ...(graceFloor === undefined ? {} : { graceFloor }),
      },
      this.#events,
    );
    this.#heads = (await listHeads(to, this.#heads)).heads;
    this.#copied.push({ original, name });
  }
}

/** Of role full only: with a write key anybody could say so. */
function originalOf({ role, body }: Snapshot): Original | undefined {
  return role === 'full' ? body.original : undefined;
}

/**
 * Is a snapshot there, as itself, as a copy by whatever way, or as what was made anew from it? Then what it holds is there
 * already, or is not wanted there any more, unless somebody names it.
 */
function whatIsIn(
  { snapshots, removed, revoked }: VisibleSnapshots,
  isNamed: boolean,
): (snapshot: Snapshot) => boolean {
  const own = new Set<ObjectName>();
  const known = new Set<ObjectName>();
  for (const snapshot of [...snapshots, ...removed, ...revoked]) {
    const original = originalOf(snapshot);
    own.add(snapshot.name);
    for (const name of [snapshot.name, ...(original?.same ?? [])]) known.add(name);
    // A copy of before there was `same` looks like what was made anew.
    if (original !== undefined && !isNamed) known.add(original.snapshot);
  }
  return (snapshot) => {
    const original = originalOf(snapshot);
    if (known.has(snapshot.name) || original?.same?.some((name) => known.has(name)) === true) return true;
    // A copy of before there was `same`; what was made anew here has its original here.
    return original !== undefined && original.same === undefined && own.has(original.snapshot);
  };
}

/** Of what a snapshot here was made from, which is gone here. */
function supersededIn({ fromLook, toLook, snapshots }: CopyOptions): Snapshot[] {
  const here = new Set<ObjectName>(fromLook.snapshots.map(({ name }) => name));
  const anew = new Set<ObjectName>();
  for (const snapshot of snapshots) {
    const original = originalOf(snapshot);
    if (original !== undefined && original.same === undefined && !here.has(original.snapshot)) {
      anew.add(original.snapshot);
    }
  }
  return toLook.snapshots.filter((snapshot) => {
    const original = originalOf(snapshot);
    return original !== undefined && [original.snapshot, ...(original.same ?? [])].some((name) => anew.has(name));
  });
}

/** Those that are in both and beyond doubt, in the target's order. */
function knownBases({ fromLook, toLook }: CopyOptions) {
  const originals = new Map(fromLook.snapshots.map((snapshot) => [snapshot.name, snapshot]));
  return toLook.snapshots.flatMap((copy) => {
    const source = copy.body.original?.snapshot;
    const original = source === undefined ? undefined : originals.get(source);
    const isSure = copy.role === 'full' && doubtOf(copy, toLook.records) === undefined;
    return original === undefined || !isSure ? [] : [{ original, tree: copy.body.tree, name: copy.name }];
  });
}

function groupOf({ host, paths }: SnapshotBody): string {
  return JSON.stringify([host, paths.map((path) => Buffer.from(path).toString('latin1'))]);
}

/** The parent and bundles mean nothing there; what the snapshot is called here and elsewhere tells those who copy it on. */
function bodyOf(snapshot: Snapshot, tree: ContentKey): SnapshotBody {
  const { name, received, body } = snapshot;
  const { parent: _, ...rest } = body;
  const [first, ...others] = [...(originalOf(snapshot)?.same ?? []), name];
  const same = [first ?? name, ...others.slice(-MOST_NAMES)];
  return { ...rest, tree, rebundle: [], original: { snapshot: name, received, same } };
}

/** Of repositories that a copy came by, after the first. */
const MOST_NAMES = 31;
