/** What a prune is asked for, and what it tells. */
import type { ObjectName } from '../../core/ids.ts';

/** Bytes of packs that nobody needs and that may stay: so much, or such a part of what stays. */
export type MostUnused =
  | { readonly bytes: number }
  /** 0 to 1. */
  | { readonly share: number };

export interface PruneOptions {
  readonly mostUnused: MostUnused;
  /** Packs whose blobs are copied into new ones: at most so many bytes of them. */
  readonly mostRepacked?: number;
  /** Also copy packs that are whole but small. */
  readonly repackSmall: boolean;
  /** zstd level: packs that are smaller with it are written anew. */
  readonly compression?: number;
  /** Between marking and deleting, milliseconds; the repository's if absent. */
  readonly grace?: number;
  /** The user vouches that nothing else writes: what is marked is deleted at once. */
  readonly soleWriter: boolean;
  /** Stay until what is marked may be deleted, and delete it. */
  readonly wait: boolean;
  readonly dryRun: boolean;
  /** Go on though nothing was stored for 30 days. */
  readonly trustClock: boolean;
  /** Threads that read trees; 0 does everything in this one. */
  readonly workers: number;
  /** Milliseconds (repo/grace.ts); for tests alone. */
  readonly graceFloor?: number;
  /** Asked before more than half of what is stored is marked; false ends the run with nothing marked. */
  readonly confirm?: (what: { readonly packs: number; readonly bytes: number }) => Promise<boolean>;
  /** Lets so many milliseconds pass. @throws NeoError interrupted */
  readonly pause: (milliseconds: number) => Promise<void>;
}

/** What was deleted. */
export interface Swept {
  readonly packs: number;
  readonly bytes: number;
  readonly snapshots: number;
  /** Blobs of marked packs that a snapshot needs after all: they were copied first. */
  readonly rescued: number;
}

export const NOTHING_SWEPT: Swept = { packs: 0, bytes: 0, snapshots: 0, rescued: 0 };

export interface Marked {
  readonly packs: number;
  readonly bytes: number;
  /** Past their trash; they go with the packs. */
  readonly snapshots: number;
}

export interface PruneSummary {
  /** That count: packs of all they refer to stay. */
  readonly snapshots: number;
  /** After everything: packs that nobody has marked. */
  readonly packs: number;
  readonly packBytes: number;
  /** Of those, bytes that no snapshot needs. */
  readonly unusedBytes: number;
  readonly swept: Swept;
  readonly marked: Marked;
  /** Marked by this run or an earlier one, and not yet deleted. */
  readonly waiting: { readonly packs: number; readonly bytes: number };
  /** When, by the storage's clock, the next of them may be deleted; milliseconds. */
  readonly dueAt?: number;
  readonly repacked: { readonly packs: number; readonly bytes: number; readonly written: number };
  /** Chunks that snapshots need and that are nowhere: see `neo check`. */
  readonly lostBlobs: number;
  readonly durationMs: number;
}

/** A pack by its name, with what lies in it. */
export interface PackUse {
  readonly name: ObjectName;
  /** Bytes of the object. */
  readonly size: number;
  readonly modified: number;
  /** Bytes of blobs that are needed from here, and how many blobs. */
  readonly needed: number;
  readonly blobs: number;
  /** Blobs that nobody needs, whatever they weigh. */
  readonly dead: number;
  /** Trees and lists, not chunks. */
  readonly isTrees: boolean;
}
