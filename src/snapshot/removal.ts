/**
 * Removals: signed statements that put snapshots in the trash, and statements that undo one (docs/format.md, section 8).
 * Nothing is deleted by them; what counts is who signed: role full.
 */
import pLimit from 'p-limit';
import { toHex } from '../core/bytes.ts';
import { isNeoError, messageOf, NeoError } from '../core/errors.ts';
import { type ObjectName, objectName } from '../core/ids.ts';
import { canonicalJson, parseJson } from '../core/json.ts';
import { integer, z } from '../core/schema.ts';
import { LARGEST } from '../repo/largest.ts';
import type { Repository } from '../repo/repository.ts';
import { decodeSealedSigned, encodeSealedSigned } from '../repo/signed-object.ts';
import type { ListedHead } from './listing.ts';
import { headHash } from './snapshot.ts';

const name = z.string().check(z.regex(/^[0-9a-f]{64}$/));
/** Milliseconds: ECMA-262, section 21.4.1.1. */
const time = integer(0, 8.64e15);
const removes = z.object({
  v: z.literal(1),
  time,
  snapshots: z.array(z.object({ name, head: name })),
  trashEnds: time,
});
const undoes = z.object({ v: z.literal(1), time, undoes: name });
const schema = z.union([removes, undoes]);
type Body = z.infer<typeof schema>;

export interface Removal {
  readonly name: ObjectName;
  /** When it was made, by the storage's clock, milliseconds; so is the next. */
  readonly time: number;
  /** Until then its snapshots count as if they were there. */
  readonly trashEnds: number;
  readonly snapshots: readonly ObjectName[];
  /** Somebody took it back. */
  readonly undone: boolean;
}

export interface RemovalFault {
  readonly name: ObjectName;
  readonly reason: string;
}

export interface RemovalListing {
  /** Oldest first, undone ones too. */
  readonly removals: readonly Removal[];
  readonly faults: readonly RemovalFault[];
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
): Promise<ObjectName> {
  const snapshots = heads.map(({ name, sealed }) => ({ name, head: toHex(headHash(repository.engine, sealed)) }));
  return put(repository, { v: 1, ...times, snapshots });
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

/** Small objects, each a way to storage and back. */
const READ_AT_ONCE = 8;

/** Every object in `removals/`, authenticated. @throws NeoError unreachable */
export async function listRemovals(repository: Repository): Promise<RemovalListing> {
  const found: { readonly name: ObjectName; readonly body: Body }[] = [];
  const faults: RemovalFault[] = [];
  const limit = pLimit(READ_AT_ONCE);
  const reading: Promise<void>[] = [];
  for await (const { path, size } of repository.backend.list('removals')) {
    const match = /^removals\/([0-9a-f]{64})$/.exec(path);
    if (match?.[1] === undefined) continue;
    const object = objectName(match[1]);
    const read = limit(async () => {
      const result = await readRemoval(repository, object, size);
      if (result === undefined) return;
      if ('reason' in result) faults.push(result);
      else found.push({ name: object, body: result });
    });
    // Whoever waits for all of them is told of the first that fails.
    read.catch(() => undefined);
    reading.push(read);
  }
  await Promise.all(reading);
  const undone = new Set(found.flatMap(({ body }) => ('undoes' in body ? [String(body.undoes)] : [])));
  const removals = found.flatMap(({ name: object, body }) =>
    'undoes' in body ? [] : [removalOf(object, body, undone)],
  );
  removals.sort((a, b) => a.time - b.time || (a.name < b.name ? -1 : 1));
  return { removals, faults: faults.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

function removalOf(object: ObjectName, body: z.infer<typeof removes>, undone: ReadonlySet<string>): Removal {
  const snapshots = body.snapshots.map((snapshot) => objectName(snapshot.name));
  return { name: object, time: body.time, trashEnds: body.trashEnds, snapshots, undone: undone.has(object) };
}

async function readRemoval(
  repository: Repository,
  object: ObjectName,
  size: number,
): Promise<Body | RemovalFault | undefined> {
  if (size > LARGEST.removal) return { name: object, reason: `${size} bytes are no removal` };
  const bytes = await repository.backend.get(`removals/${object}`);
  if (bytes === undefined) return undefined;
  if (toHex(repository.engine.blake3(bytes)) !== object) return { name: object, reason: 'bytes do not give its name' };
  try {
    const { body, signer } = decodeSealedSigned(repository, 'removal', repository.keys.index, bytes);
    if (signer.role !== 'full') return { name: object, reason: 'its maker may only write' };
    const parsed = schema.safeParse(parseJson(body));
    return parsed.success ? parsed.data : { name: object, reason: 'it is malformed' };
  } catch (error) {
    if (isNeoError(error, 'integrity') || isNeoError(error, 'needs-newer-neo')) {
      return { name: object, reason: messageOf(error) };
    }
    throw error;
  }
}

/** Snapshots that somebody removed, and nobody brought back. Of several removals the one whose trash ends first counts. */
export function trashOf({ removals }: RemovalListing): ReadonlyMap<ObjectName, InTrash> {
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
