/** Finds what was deleted, as it was last. */
import fs from 'node:fs';
import { displayBytes } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import { asBuffer } from '../fs/path.ts';
import type { Snapshot } from '../snapshot/listing.ts';
import type { HistorySource } from './history.ts';
import { findVersions } from './versions.ts';

export interface Deleted {
  /** As it is stored. */
  readonly path: Uint8Array;
  /** The last one that has it. */
  readonly snapshot: Snapshot;
}

/**
 * The last that any snapshot has of a path, whatever stands there now in the newest.
 * @param snapshots oldest first
 * @param isInPlace it is to be put back to where it was, so nothing may be there
 * @throws NeoError failed when no snapshot has it, or something is there
 */
export async function findDeleted(
  source: HistorySource,
  snapshots: readonly Snapshot[],
  path: Uint8Array,
  isInPlace: boolean,
  events: EventSink,
): Promise<Deleted> {
  const { versions } = await findVersions(source, snapshots, path, events);
  const order = new Map(snapshots.map((snapshot, n) => [snapshot, n]));
  const last = versions.reduce((a, b) => ((order.get(b.last) ?? 0) > (order.get(a.last) ?? 0) ? b : a));
  if (isInPlace && fs.lstatSync(asBuffer(last.path), { throwIfNoEntry: false }) !== undefined) {
    throw new NeoError('failed', `${displayBytes(last.path)} is there: it is not deleted`, {
      hint: 'to have another version of it: neo versions, neo restore --version',
    });
  }
  return { path: last.path, snapshot: last.last };
}
