/**
 * `neo replicate`: what one storage of a repository has, and another lacks, is copied there as it lies. Nobody needs a key for that, and nothing
 * is removed, here or there.
 */
import type { EventSink } from '../core/events.ts';
import type { Held } from '../protocol/object-tree.ts';
import type { ConnectionFlags } from './connection.ts';
import { resolvePlace } from './open.ts';
import type { Output } from './output.ts';
import { folderOf } from './replicate/order.ts';
import { type Replicated, Replication } from './replicate/replication.ts';
import { openPlace, openTarget } from './replicate/target.ts';

export interface ReplicateFlags extends ConnectionFlags {
  readonly from: string;
  readonly to: string;
  readonly 'dry-run': boolean;
  readonly 'create-bucket': boolean;
}

export interface ReplicateMeans {
  readonly out: Output;
  readonly events: EventSink;
  readonly signal: AbortSignal | undefined;
}

export interface ReplicateSummary extends Replicated {
  readonly from: string;
  readonly to: string;
  /** What was copied, by the folders at the top. */
  readonly folders: ReadonlyMap<string, readonly Held[]>;
  readonly durationMs: number;
}

/**
 * @throws NeoError no-repository where there is nothing to copy; already-exists when another repository is there; failed where other files are;
 * interrupted; what a backend throws
 */
export async function replicate(flags: ReplicateFlags, means: ReplicateMeans): Promise<ReplicateSummary> {
  const begun = performance.now();
  const { out, events, signal } = means;
  const source = await resolvePlace({ ...flags, repo: flags.from }, out);
  const goal = await resolvePlace({ ...flags, repo: flags.to }, out);
  const choices = { createBucket: flags['create-bucket'], isDry: flags['dry-run'] };
  const from = await openPlace(source);
  try {
    const target = await openTarget(goal, from, choices);
    const { engine } = source.surroundings;
    try {
      const done = await new Replication(from, target, { engine, events, signal }).run(choices.isDry);
      const places = { from: from.location, to: target.backend.location };
      const folders = Map.groupBy(done.copied, ({ path }) => folderOf(path));
      return { ...done, ...places, folders, durationMs: Math.round(performance.now() - begun) };
    } finally {
      await target.backend.close();
    }
  } finally {
    await from.close();
  }
}
