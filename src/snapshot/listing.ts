/** What lies in `snapshots/`: authenticated heads, and for role full the bodies. */
import { toHex } from '../core/bytes.ts';
import { isNeoError, messageOf } from '../core/errors.ts';
import { type ClientId, type ObjectName, objectName } from '../core/ids.ts';
import type { Role } from '../repo/certificate.ts';
import { listNamed, type ObjectFault } from '../repo/named-objects.ts';
import type { ObjectCache } from '../repo/object-cache.ts';
import type { Repository } from '../repo/repository.ts';
import {
  decodeBody,
  decodeSnapshot,
  openBody,
  type SealedSnapshot,
  type SnapshotBody,
  type SnapshotHead,
} from './snapshot.ts';
import type { SnapshotCache } from './snapshot-cache.ts';

export interface ListedHead {
  readonly name: ObjectName;
  /** When storage received it, by its clock, milliseconds. */
  readonly received: number;
  readonly head: SnapshotHead;
  readonly sealed: SealedSnapshot;
  /** All of it, as it lies in storage. */
  readonly object: Uint8Array;
}

export interface Snapshot {
  readonly name: ObjectName;
  /** When storage received it, by its clock, milliseconds; of one that was made from another, when it received that. */
  readonly received: number;
  /** When storage received this object. */
  readonly arrived: number;
  /** Of the key that signed it. */
  readonly role: Role;
  readonly head: SnapshotHead;
  readonly body: SnapshotBody;
}

export type SnapshotFault = ObjectFault;

export interface HeadListing {
  /** In order of receipt, then of name. */
  readonly heads: readonly ListedHead[];
  /** Objects that no client of this repository signed, or that are damaged. */
  readonly faults: readonly SnapshotFault[];
}

/**
 * Every object in `snapshots/`, authenticated. `known`: of an earlier listing; what is named by its content is not read
 * again, nor what the cache has. @throws NeoError unreachable
 */
export async function listHeads(
  repository: Repository,
  known: readonly ListedHead[] = [],
  cache?: SnapshotCache,
  objects?: ObjectCache,
): Promise<HeadListing> {
  const before = new Map(known.map((head) => [head.name, head]));
  const { found, faults } = await listNamed<ListedHead>(repository, {
    folder: 'snapshots',
    kind: 'snapshot',
    objects,
    known: (name, received) => {
      const same = before.get(name) ?? cache?.head(name);
      return same === undefined ? undefined : { ...same, received };
    },
    open: ({ name, modified: received, bytes }) => {
      const sealed = decodeSnapshot(repository, bytes);
      return { name, received, head: sealed.head, sealed, object: bytes };
    },
  });
  const heads = found.toSorted(
    (a, b) => a.received - b.received || a.head.sequence - b.head.sequence || (a.name < b.name ? -1 : 1),
  );
  return { heads, faults };
}

/** The head of a snapshot that this run has stored, as a listing would have it now. */
export function headOf(repository: Repository, object: Uint8Array): ListedHead {
  const sealed = decodeSnapshot(repository, object);
  const name = objectName(toHex(repository.engine.blake3(object)));
  return { name, received: sealed.head.validated, head: sealed.head, sealed, object };
}

export interface SnapshotListing {
  /** Oldest first ({@link inOrder}). */
  readonly snapshots: readonly Snapshot[];
  readonly faults: readonly SnapshotFault[];
  readonly heads: readonly ListedHead[];
}

/** What role full has: the private halves of the seals. */
export type SealEpochs = readonly { readonly epoch: number; readonly sealSeed: Uint8Array }[];

/** Heads and bodies; what the cache has is not opened again, and what it has not is put there. */
export async function listSnapshots(
  repository: Repository,
  epochs: SealEpochs,
  cache?: SnapshotCache,
): Promise<SnapshotListing> {
  return openSnapshots(repository, await listHeads(repository, [], cache), epochs, cache);
}

/** The bodies to heads that were listed. */
export function openSnapshots(
  repository: Repository,
  { heads, faults }: HeadListing,
  epochs: SealEpochs,
  cache?: SnapshotCache,
): SnapshotListing {
  const snapshots: Snapshot[] = [];
  const closed: SnapshotFault[] = [];
  for (const listed of heads) {
    try {
      const opened = openListed(repository, listed, epochs, cache);
      if (typeof opened === 'string') closed.push({ name: listed.name, reason: opened });
      else snapshots.push(opened);
    } catch (error) {
      if (!isNeoError(error, 'integrity')) throw error;
      closed.push({ name: listed.name, reason: messageOf(error) });
    }
  }
  return { snapshots: inOrder(snapshots), faults: [...faults, ...closed], heads };
}

/** Or why it cannot be. @throws NeoError integrity */
function openListed(
  repository: Repository,
  listed: ListedHead,
  epochs: SealEpochs,
  cache: SnapshotCache | undefined,
): Snapshot | string {
  const { name, head, sealed, object } = listed;
  const known = cache?.body(name);
  if (known !== undefined) return snapshotOf(listed, decodeBody(known, head.client));
  const pair = epochs.find(({ epoch }) => epoch === head.epoch);
  if (pair === undefined) return `sealed to epoch ${head.epoch}, which this key does not have`;
  const json = openBody(repository, sealed, pair.sealSeed);
  const body = decodeBody(json, head.client);
  cache?.add(name, object, json);
  return snapshotOf(listed, body);
}

/** Only of role full it is believed that a snapshot is as old as what it was made from. */
function snapshotOf({ name, received: arrived, sealed, head }: ListedHead, body: SnapshotBody): Snapshot {
  const { role } = sealed.signer;
  const received = role === 'full' ? Math.min(arrived, body.original?.received ?? arrived) : arrived;
  return { name, received, arrived, role, head, body };
}

/** Milliseconds. A client may say any time; later than storage received its snapshot it was not. */
export function takenAt({ body, received }: Snapshot): number {
  return Math.min(body.time, received);
}

/**
 * Oldest first: by time, but each client's in the order in which it took them. A clock that was wrong for a day must
 * not make an old snapshot the latest one.
 */
export function inOrder(snapshots: readonly Snapshot[]): Snapshot[] {
  const bySequence = [...snapshots].sort(
    (a, b) => a.head.sequence - b.head.sequence || takenAt(a) - takenAt(b) || (a.name < b.name ? -1 : 1),
  );
  const newest = new Map<ClientId, number>();
  const placed = bySequence.map((snapshot) => {
    const { client } = snapshot.head;
    // What was made from an older one says nothing of when its maker took its own.
    if (wasMadeLater(snapshot)) return { snapshot, time: takenAt(snapshot) };
    const time = Math.max(takenAt(snapshot), newest.get(client) ?? 0);
    newest.set(client, time);
    return { snapshot, time };
  });
  // Stable: of the same time the one of the lower sequence stays first.
  return placed.sort((a, b) => a.time - b.time).map(({ snapshot }) => snapshot);
}

function wasMadeLater({ role, body }: Snapshot): boolean {
  return role === 'full' && (body.original !== undefined || body.kept !== undefined);
}

/** The newest heads of a client's chain: those that no other one names as previous. */
export function chainHeads(heads: readonly ListedHead[], client: ClientId): readonly ListedHead[] {
  const own = heads.filter(({ head }) => head.client === client);
  const followed = new Set(own.flatMap(({ head }) => head.previous));
  return own.filter(({ name }) => !followed.has(name));
}
