/** `neo repair index`: segments that are damaged, missing or wrong are replaced by what the packs themselves say. */
import { type EventSink, ignoreEvents } from '../core/events.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import { carryOutIndexRepair, type PackFault, planIndexRepair } from '../repo/index-repair.ts';
import { type Repository, requireFull } from '../repo/repository.ts';

export interface RepairIndexOptions {
  /** Says what would be done. */
  readonly dryRun: boolean;
}

export interface RepairIndexSummary {
  /** Packs there are, and blobs in those whose directories can be read. */
  readonly packs: number;
  readonly blobs: number;
  /** Packs described anew. */
  readonly packsRewritten: number;
  readonly segmentsWritten: number;
  readonly segmentsRemoved: number;
  /** Segments removed (or to be), and why. */
  readonly removed: readonly PackFault[];
  /** Packs whose directory is damaged: what segments say of them stays as it is. */
  readonly unreadable: readonly PackFault[];
  readonly durationMs: number;
}

/** @throws NeoError permission-denied without role full; needs-newer-neo; integrity when nobody may write */
export async function repairIndex(
  repository: Repository,
  options: RepairIndexOptions,
  events: EventSink = ignoreEvents,
): Promise<RepairIndexSummary> {
  requireFeatures(repository.config, 'write');
  requireFull(repository, 'repair the index');
  requireOneConfig(repository.chain);
  const started = repository.clock.monotonic();
  let files = 0;
  const plan = await planIndexRepair(repository, () => {
    files += 1;
    events({ type: 'progress', phase: 'read directories', progress: { files, bytes: 0 } });
  });
  const segmentsWritten = options.dryRun ? 0 : await carryOutIndexRepair(repository, plan);
  return {
    packs: plan.packs,
    blobs: plan.blobs,
    packsRewritten: plan.rewrite.length,
    segmentsWritten,
    segmentsRemoved: options.dryRun ? 0 : plan.obsolete.length,
    removed: plan.obsolete,
    unreadable: plan.unreadable,
    durationMs: Math.round(repository.clock.monotonic() - started),
  };
}
