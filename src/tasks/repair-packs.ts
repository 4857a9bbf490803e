/**
 * What is damaged in packs, or missing, comes from where it still is: other copies, another repository with the same
 * secrets, files with the same bytes. New packs and segments are stored first; then damaged packs are marked, so that
 * nobody relies on them any more and a prune removes them after the grace (docs/decisions/0014-repair.md).
 */
import { throwIfAborted } from '../core/concurrency.ts';
import { NeoError } from '../core/errors.ts';
import { type EventSink, ignoreEvents } from '../core/events.ts';
import type { ObjectName } from '../core/ids.ts';
import { BlobCopier, type NeededBlob } from '../repo/blob-copier.ts';
import { refuseExpired } from '../repo/certificate.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import { type IndexedRepository, loadIndex } from '../repo/indexed.ts';
import { packPath } from '../repo/pack-check.ts';
import { listPacks } from '../repo/pack-listing.ts';
import { requireFull } from '../repo/repository.ts';
import { listTombs, putTomb } from '../repo/tomb.ts';
import type { BlobTable } from './check/blob-table.ts';
import { type Diagnosis, diagnose, type PacksToRead } from './check/diagnosis.ts';
import { makePool } from './check/pool.ts';
import { Report, type Damage as ReportedDamage } from './check/report.ts';
import { Touched } from './check/touched.ts';
import { reachable } from './reachable.ts';
import { requireFolder } from './repair/found-files.ts';
import { healFromFiles } from './repair/healed-by-files.ts';
import { Losses } from './repair/losses.ts';
import { LostBundles } from './repair/lost-bundles.ts';
import { healFromRepository, requireSameSecrets } from './repair/other-copies.ts';
import { readableNodes } from './repair/readable-nodes.ts';
import { hasMoved, LOOKS, movedMeanwhile, readableOf } from './repair/second-look.ts';

export type Damage = ReportedDamage;

export interface RepairPacksOptions {
  /** Those that are read whole, to find what is damaged in them. What is missing is found without. */
  readonly read: 'all' | readonly ObjectName[];
  readonly from?: IndexedRepository;
  /** A folder on this machine. */
  readonly fromPath?: Uint8Array;
  /** Threads; 0 does everything in this one. */
  readonly workers: number;
  readonly dryRun: boolean;
}

export interface RepairPacksSummary {
  readonly packsRead: number;
  readonly bytesRead: number;
  readonly damagedPacks: number;
  readonly missingPacks: number;
  /** Needed blobs that were copied out of damaged packs, or would be. */
  readonly copiedBlobs: number;
  /** That were to be had nowhere in the repository, before and after. */
  readonly lostBlobs: number;
  readonly healedFromRepository: number;
  readonly healedFromFiles: number;
  readonly stillLost: number;
  /** Damaged or missing packs that nothing rests on any more. */
  readonly markedPacks: number;
  /** What still cannot be had, and the snapshots and paths that it touches. */
  readonly damages: readonly Damage[];
  readonly durationMs: number;
}

/**
 * @throws NeoError usage for a pack that is not there; failed when the other repository has other secrets;
 * permission-denied without role full; interrupted, no-space, unreachable: what was stored so far is whole
 */
export async function repairPacks(
  repository: IndexedRepository,
  state: ClientState,
  options: RepairPacksOptions,
  events: EventSink = ignoreEvents,
  signal?: AbortSignal,
): Promise<RepairPacksSummary> {
  requireFeatures(repository.config, 'write');
  requireFull(repository, 'repair packs');
  requireOneConfig(repository.chain);
  if (options.from !== undefined) requireSameSecrets(repository, options.from);
  if (!options.dryRun) refuseExpired(repository.signer.certificate, await repository.backend.now());
  requireFolder(options.fromPath);
  const which = await packsToRead(repository, options.read);
  const stop = (): void => throwIfAborted(signal);
  const started = repository.clock.monotonic();
  for (let look = 1; ; look++) {
    const seen = look === 1 ? repository : await loadIndex(repository);
    const report = new Report(seen);
    const pool = makePool(seen, options.workers);
    const diagnosis = await diagnose(seen, state, { pool, report, which, events, stop }).finally(() => pool.close());
    const repair = new Repair(seen, options, { report, diagnosis, events, stop });
    if (await repair.isOvertaken()) {
      if (look === LOOKS) throw movedMeanwhile();
      continue;
    }
    return { ...(await repair.run()), durationMs: Math.round(repository.clock.monotonic() - started) };
  }
}

async function packsToRead(repository: IndexedRepository, read: RepairPacksOptions['read']): Promise<PacksToRead> {
  if (read === 'all') return 'all';
  const stored = await listPacks(repository);
  const known = new Set(repository.packs.map((pack) => pack?.name));
  const unknown = read.find((name) => !stored.has(name) && !known.has(name));
  if (unknown === undefined) return new Set(read);
  throw new NeoError('usage', `there is no pack ${unknown}`, {
    hint: 'neo check --read-data names those that are damaged',
  });
}

interface Means {
  readonly report: Report;
  readonly diagnosis: Diagnosis;
  readonly events: EventSink;
  readonly stop: () => void;
}

class Repair {
  readonly #repository: IndexedRepository;
  readonly #options: RepairPacksOptions;
  readonly #means: Means;
  readonly #losses: Losses;
  readonly #copier: BlobCopier;
  /** With a fault, and there. */
  readonly #damaged: ReadonlySet<ObjectName>;
  readonly #missing: ReadonlySet<ObjectName>;
  #copied = 0;
  #fromRepository = 0;
  #fromFiles = 0;

  constructor(repository: IndexedRepository, options: RepairPacksOptions, means: Means) {
    this.#repository = repository;
    this.#options = options;
    this.#means = means;
    this.#losses = new Losses(repository, means.report);
    this.#copier = new BlobCopier(repository, options.dryRun);
    const { damaged, missing } = badPacks(repository, means);
    this.#damaged = damaged;
    this.#missing = missing;
  }

  /** What seems lost is in packs that were stored since the index was read. */
  async isOvertaken(): Promise<boolean> {
    const lost = this.#losses.in(this.#means.diagnosis.table);
    const here = new Set(await readableOf(this.#repository, lost));
    return hasMoved(
      this.#repository,
      lost.filter((blob) => !here.has(blob)),
    );
  }

  async run(): Promise<Omit<RepairPacksSummary, 'durationMs'>> {
    const { diagnosis } = this.#means;
    try {
      const before = this.#losses.in(diagnosis.table);
      await this.#copyOut(diagnosis.table);
      const { table, lost } = await this.#heal(before);
      const markedPacks = await this.#mark(table, lost);
      return {
        ...diagnosis.read,
        damagedPacks: this.#damaged.size,
        missingPacks: this.#missing.size,
        copiedBlobs: this.#copied,
        lostBlobs: lost.length + this.#fromRepository + this.#fromFiles,
        healedFromRepository: this.#fromRepository,
        healedFromFiles: this.#fromFiles,
        stillLost: lost.length,
        markedPacks,
        damages: lost.length === 0 ? [] : await this.#touched(lost),
      };
    } finally {
      await this.#copier.close();
    }
  }

  /** What is needed of damaged packs and is whole: a pack of which a part is rotten is not to be relied on. */
  async #copyOut(table: BlobTable): Promise<void> {
    if (this.#damaged.size === 0) return;
    for (const blob of this.#losses.needed(table)) {
      const places = this.#repository.index.places(blob.id);
      const isElsewhere = places.some(
        (place) => place.trusted && this.#losses.isGood(blob.id, place) && !this.#isLeaving(place.pack),
      );
      if (isElsewhere || !places.some(({ pack }) => this.#isLeaving(pack))) continue;
      this.#means.stop();
      if (!(await this.#copier.copyFrom(blob, places))) continue;
      this.#copied += 1;
      this.#losses.healed(blob);
    }
    await this.#copier.finish();
  }

  #isLeaving(number: number): boolean {
    const name = this.#repository.packs[number]?.name;
    return name !== undefined && (this.#damaged.has(name) || this.#missing.has(name));
  }

  /** Until nothing more can be healed: a tree that is back may need what is lost, too. */
  async #heal(first: readonly NeededBlob[]): Promise<{ readonly table: BlobTable; readonly lost: NeededBlob[] }> {
    let { table } = this.#means.diagnosis;
    let lost = first.filter(({ id }) => !this.#losses.canBeHad(id));
    for (let healed = -1; lost.length > 0 && healed !== 0; ) {
      healed = (await this.#fromOther(lost)) || (await this.#fromFolder(lost));
      await this.#copier.finish();
      if (healed > 0 && !this.#options.dryRun) {
        table = await this.#reach();
        await this.#copyOut(table);
      }
      lost = this.#losses.in(table);
    }
    return { table, lost };
  }

  async #fromOther(lost: readonly NeededBlob[]): Promise<number> {
    const { from } = this.#options;
    const before = this.#fromRepository;
    if (from === undefined) return 0;
    await healFromRepository(from, lost, this.#copier, (blob) => {
      this.#losses.healed(blob);
      this.#fromRepository += 1;
    });
    return this.#fromRepository - before;
  }

  async #fromFolder(lost: readonly NeededBlob[]): Promise<number> {
    const { fromPath } = this.#options;
    const before = this.#fromFiles;
    if (fromPath === undefined) return 0;
    const { events, stop: throwIfStopped } = this.#means;
    await healFromFiles({
      repository: this.#repository,
      root: fromPath,
      lost,
      bundles: await this.#lostBundles(),
      copier: this.#copier,
      onHealed: (blob) => {
        this.#losses.healed(blob);
        this.#fromFiles += 1;
      },
      events,
      throwIfStopped,
    });
    return this.#fromFiles - before;
  }

  async #lostBundles(): Promise<LostBundles> {
    const bundles = new LostBundles();
    for await (const node of readableNodes(this.#repository, this.#roots())) {
      if (node.content?.type === 'slice' && !this.#losses.hasKey(node.content.bundle)) bundles.add(node);
    }
    return bundles;
  }

  #roots() {
    return (this.#means.diagnosis.snapshots.readable ?? []).map(({ body }) => body.tree);
  }

  async #reach(): Promise<BlobTable> {
    const trees = this.#roots().map((tree) => ({ tree }));
    const { table } = await reachable(this.#repository, trees, { workers: 0, throwIfStopped: this.#means.stop });
    return table;
  }

  /** Says of packs that nothing rests on that they go. Not while anything is unknown: it may need what is in them. */
  async #mark(table: BlobTable, lost: readonly NeededBlob[]): Promise<number> {
    const leaving = new Set([...this.#damaged, ...this.#missing]);
    for (const { id } of lost) {
      for (const { pack } of this.#repository.index.places(id)) {
        const name = this.#repository.packs[pack]?.name;
        if (name !== undefined) leaving.delete(name);
      }
    }
    if (leaving.size === 0) return 0;
    if (!this.#isKnown(lost)) {
      this.#means.events({
        type: 'note',
        message: 'damaged packs stay: a snapshot or a directory cannot be read, and may need what is in them',
      });
      return 0;
    }
    if (this.#options.dryRun) return leaving.size;
    this.#demandCopies(table, leaving);
    const { generation } = await listTombs(this.#repository);
    await putTomb(this.#repository, {
      generation: generation + 1,
      time: await this.#repository.backend.now(),
      grace: this.#repository.config.grace,
      packs: [...leaving].sort(),
      replacements: this.#copier.session.segments,
      uncounted: [],
    });
    return leaving.size;
  }

  #isKnown(lost: readonly NeededBlob[]): boolean {
    const { diagnosis, report } = this.#means;
    const isOpen = !report.damages().some(({ object }) => object.startsWith('snapshots/'));
    return isOpen && diagnosis.reached.malformed.size === 0 && lost.every(({ kind }) => kind === 'data');
  }

  /** @throws NeoError failed when something that is needed lies in these packs alone: a fault of this program */
  #demandCopies(table: BlobTable, leaving: ReadonlySet<ObjectName>): void {
    const { index, packs } = this.#repository;
    const goes = (number: number): boolean => {
      const name = packs[number]?.name;
      return name !== undefined && leaving.has(name);
    };
    for (const { id } of this.#losses.needed(table)) {
      const places = index.places(id);
      if (!places.some(({ pack }) => goes(pack)) || places.some(({ pack }) => !goes(pack))) continue;
      throw new NeoError('failed', 'something that is needed is in damaged packs alone: nothing was marked');
    }
  }

  async #touched(lost: readonly NeededBlob[]): Promise<readonly Damage[]> {
    const { diagnosis } = this.#means;
    const report = new Report(this.#repository);
    for (const { id } of lost) {
      const places = this.#repository.index.places(id);
      if (places.length === 0) report.missing(id);
      for (const { pack } of places) report.badCopy(id, pack, this.#reason(pack));
    }
    const touched = new Touched(this.#repository, report, new Map());
    for (const snapshot of diagnosis.snapshots.readable ?? []) await touched.attribute(snapshot);
    return report.damages();
  }

  #reason(pack: number): string {
    const name = this.#repository.packs[pack]?.name;
    return name !== undefined && this.#missing.has(name) ? 'it is missing' : 'a blob is damaged';
  }
}

/** Of those that some segment names. */
function badPacks({ packs }: IndexedRepository, { report, diagnosis: { listing, tombs } }: Means) {
  const there = new Set(listing.named.map(({ name }) => name));
  const faulty = new Set(report.damages().flatMap(({ object, newer }) => (newer ? [] : [object])));
  const names = new Set(packs.flatMap((pack) => (pack === undefined ? [] : [pack.name])));
  const bad = [...names].filter((name) => faulty.has(packPath(name)) && !tombs.packs.has(name));
  return {
    damaged: new Set(bad.filter((name) => there.has(name))),
    missing: new Set(bad.filter((name) => !there.has(name))),
  };
}
