/**
 * Removals: signed statements that put snapshots in the trash, and statements that undo one (docs/format.md, section 8).
 * Nothing is deleted by them; what counts is who signed: role full.
 */
import { toHex } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type ObjectName, objectName } from '../core/ids.ts';
import { canonicalJson, parseJson } from '../core/json.ts';
import { hexName as name, moment as time, z } from '../core/schema.ts';
import { listNamed, type ObjectFault } from '../repo/named-objects.ts';
import type { ObjectCache } from '../repo/object-cache.ts';
import type { Repository } from '../repo/repository.ts';
import { SHARE_ID, type ShareId, shareId } from '../repo/share.ts';
import { decodeSealedSigned, encodeSealedSigned } from '../repo/signed-object.ts';
import type { ListedHead } from './listing.ts';
import { headHash } from './snapshot.ts';

const removes = z.object({
  v: z.literal(1),
  time,
  snapshots: z.array(z.object({ name, head: name })),
  trashEnds: time,
  ends: z.optional(z.array(z.string().check(z.regex(SHARE_ID)))),
  followed: z.optional(z.literal(true)),
});
const undoes = z.object({ v: z.literal(1), time, undoes: name });
const schema = z.union([removes, undoes]);
type Body = z.infer<typeof schema>;

export interface RemovedSnapshot {
  readonly name: ObjectName;
  readonly head: string;
}

export interface Removal {
  readonly name: ObjectName;
  /** When it was made, by the storage's clock, milliseconds; so is the next. */
  readonly time: number;
  /** Until then its snapshots count as if they were there. */
  readonly trashEnds: number;
  readonly snapshots: readonly ObjectName[];
  /** The same with the hashes of their heads, in hex. */
  readonly entries: readonly RemovedSnapshot[];
  /** Somebody took it back. */
  readonly undone: boolean;
  /** Shares that end with it, also in states that it does not name: whoever made one had not seen it. */
  readonly ends: readonly ShareId[];
  /** It names states of shares that a later one took the place of, and nothing else. */
  readonly followed: boolean;
}

/** What a removal says beside which snapshots go. */
export type RemovalReason = Partial<Pick<Removal, 'ends' | 'followed'>>;

export type RemovalFault = ObjectFault;

export interface RemovalListing {
  /** Oldest first, undone ones too. */
  readonly removals: readonly Removal[];
  readonly faults: readonly RemovalFault[];
  /** What each object says. */
  readonly bodies: ReadonlyMap<ObjectName, Body>;
}

export interface InTrash {
  readonly removal: ObjectName;
  readonly trashEnds: number;
}

/** The name of the object that was made. @throws NeoError permission-denied without role full, no-space, unreachable */
export async function putRemoval(
  repository: Repository,
  heads: readonly ListedHead[],
  times: { readonly time: number; readonly trashEnds: number },
  { ends, followed }: RemovalReason = {},
): Promise<ObjectName> {
  const snapshots = heads.map(({ name, sealed }) => ({ name, head: toHex(headHash(repository.engine, sealed)) }));
  const why = { ...(ends === undefined ? {} : { ends: [...ends] }), ...(followed === true ? { followed } : {}) };
  return put(repository, { v: 1, ...times, snapshots, ...why });
}

/** Of snapshots that an earlier removal named: they may be gone. @throws as {@link putRemoval} */
export async function removeAgain(
  repository: Repository,
  entries: readonly RemovedSnapshot[],
  times: { readonly time: number; readonly trashEnds: number },
): Promise<ObjectName> {
  return put(repository, { v: 1, ...times, snapshots: entries.map(({ name, head }) => ({ name, head })) });
}

/** Takes a removal back. @throws as {@link putRemoval} */
export async function putUndo(repository: Repository, undoes: ObjectName, time: number): Promise<ObjectName> {
  return put(repository, { v: 1, time, undoes });
}

async function put(repository: Repository, body: Body): Promise<ObjectName> {
  const { engine, keys, signer, backend } = repository;
  if (signer.certificate.role !== 'full') {
    throw new NeoError('permission-denied', 'this key may only write: it can remove no snapshot', {
      hint: 'use a key of role full',
    });
  }
  const bytes = encodeSealedSigned(repository, 'removal', keys.index, signer, canonicalJson(body));
  const object = objectName(toHex(engine.blake3(bytes)));
  await backend.put(`removals/${object}`, bytes);
  return object;
}

/** Where listing them need not ask storage for what each of them says. */
export interface KnownRemovals {
  /** An earlier listing: names tell the content. */
  readonly known?: RemovalListing | undefined;
  readonly objects?: ObjectCache | undefined;
}

/** Every object in `removals/`, authenticated. @throws NeoError unreachable */
export async function listRemovals(
  repository: Repository,
  { known, objects }: KnownRemovals = {},
): Promise<RemovalListing> {
  const { found, faults } = await listNamed(repository, {
    folder: 'removals',
    kind: 'removal',
    objects,
    known: (object) => {
      const body = known?.bodies.get(object);
      return body === undefined ? undefined : { name: object, body };
    },
    open: ({ name: object, bytes }) => ({ name: object, body: openRemoval(repository, bytes) }),
  });
  const undone = new Set(found.flatMap(({ body }) => ('undoes' in body ? [String(body.undoes)] : [])));
  const removals = found.flatMap(({ name: object, body }) =>
    'undoes' in body ? [] : [removalOf(object, body, undone)],
  );
  removals.sort((a, b) => a.time - b.time || (a.name < b.name ? -1 : 1));
  return { removals, faults, bodies: new Map(found.map((each) => [each.name, each.body])) };
}

function removalOf(object: ObjectName, body: z.infer<typeof removes>, undone: ReadonlySet<string>): Removal {
  const entries = body.snapshots.map((snapshot) => ({ name: objectName(snapshot.name), head: snapshot.head }));
  const snapshots = entries.map((entry) => entry.name);
  const { time, trashEnds, ends = [], followed = false } = body;
  const why = { ends: ends.map(shareId), followed };
  return { name: object, time, trashEnds, snapshots, entries, undone: undone.has(object), ...why };
}

/** @throws NeoError integrity, needs-newer-neo */
function openRemoval(repository: Repository, bytes: Uint8Array): Body {
  const { body, signer } = decodeSealedSigned(repository, 'removal', repository.keys.index, bytes);
  if (signer.role !== 'full') throw new NeoError('integrity', 'its maker may only write');
  const parsed = schema.safeParse(parseJson(body));
  if (!parsed.success) throw new NeoError('integrity', 'it is malformed');
  return parsed.data;
}

/** Snapshots that somebody removed, and nobody brought back. Of several removals the one whose trash ends first counts. */
export function trashOf({ removals }: Pick<RemovalListing, 'removals'>): ReadonlyMap<ObjectName, InTrash> {
  const trash = new Map<ObjectName, InTrash>();
  for (const { name: removal, trashEnds, snapshots, undone } of removals) {
    if (undone) continue;
    for (const snapshot of snapshots) {
      const known = trash.get(snapshot);
      if (known === undefined || trashEnds < known.trashEnds) trash.set(snapshot, { removal, trashEnds });
    }
  }
  return trash;
}

/** Shares that were taken back, and that nobody brought back: no state of them counts, whenever it was made. */
export function endedShares({ removals }: Pick<RemovalListing, 'removals'>): ReadonlySet<ShareId> {
  return new Set(removals.flatMap(({ ends, undone }) => (undone ? [] : ends)));
}
