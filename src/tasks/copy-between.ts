/** Snapshots from one repository to another, both looked at anew. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { utf8 } from '../core/bytes.ts';
import type { EventSink } from '../core/events.ts';
import type { ClientState } from '../repo/client-state.ts';
import { loadIndex } from '../repo/indexed.ts';
import type { Repository } from '../repo/repository.ts';
import { filterSnapshots } from '../snapshot/filter.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import { selectSnapshot } from '../snapshot/select.ts';
import { type CopySummary, copySnapshots } from './copy.ts';
import { lookAtSnapshots, type VisibleSnapshots } from './snapshots.ts';

/** A repository, and what this client knows of it. */
export interface Site {
  readonly repository: Repository;
  readonly state: ClientState;
}

export interface CopyChoice {
  readonly host?: readonly string[] | undefined;
  readonly tag?: readonly string[] | undefined;
  readonly path?: readonly string[] | undefined;
  /** As people name snapshots; none: all. */
  readonly references?: readonly string[];
}

/** Which of `from` are to be copied. */
export type Pick = (from: VisibleSnapshots, to: VisibleSnapshots) => readonly Snapshot[];

/** @throws NeoError usage or failed for a name that is none */
export function chosenBy({ references = [], host = [], tag = [], path = [] }: CopyChoice): Pick {
  const filter = { hosts: host, tags: tag, paths: path.map((each) => utf8(resolve(each))) };
  return (look) => {
    const named = references.map((reference) => selectSnapshot(look.snapshots, reference, undefined, look));
    const chosen = new Set(references.length === 0 ? look.snapshots : named);
    return filterSnapshots(
      look.snapshots.filter((snapshot) => chosen.has(snapshot)),
      filter,
    );
  };
}

export interface CopyMeans {
  /** As of CopyOptions. */
  readonly named?: boolean;
  readonly dryRun: boolean;
  readonly events: EventSink;
  readonly signal: AbortSignal | undefined;
}

/** Looks at both anew. @throws as copySnapshots */
export async function copyBetween(from: Site, to: Site, pick: Pick, means: CopyMeans): Promise<CopySummary> {
  const { named = false, dryRun, events, signal } = means;
  const fromLook = await lookAtSnapshots(from.repository, from.state, events);
  const toLook = await lookAtSnapshots(to.repository, to.state, events);
  const options = {
    from: await loadIndex(from.repository, 0),
    fromLook,
    snapshots: pick(fromLook, toLook),
    to: await loadIndex(to.repository),
    toState: to.state,
    toLook,
    named,
    dryRun,
    workers: availableParallelism(),
  };
  return copySnapshots(options, events, signal);
}
