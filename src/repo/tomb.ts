/**
 * Tombs: signed statements that packs will be deleted, and that they were (docs/format.md, section 8). A marked pack is
 * never unmarked. Several tombs of one generation are all valid.
 */
import pLimit from 'p-limit';
import { toHex } from '../core/bytes.ts';
import { isNeoError, messageOf, NeoError } from '../core/errors.ts';
import { type ObjectName, objectName } from '../core/ids.ts';
import { canonicalJson, type Json, parseJson } from '../core/json.ts';
import { integer, hexName as name, moment as time, z } from '../core/schema.ts';
import { encodeMarks, marksPath } from '../protocol/marks.ts';
import { LARGEST } from './largest.ts';
import { keptOr, type ObjectCache } from './object-cache.ts';
import { packPath } from './pack/pack.ts';
import { READ_AT_ONCE } from './read-ahead.ts';
import { type Repository, refuseRotated } from './repository.ts';
import { decodeSealedSigned, encodeSealedSigned } from './signed-object.ts';

const generation = integer(1);
const tombSchema = z.object({
  v: z.literal(1),
  generation,
  time,
  grace: integer(0),
  packs: z.array(name),
  replacements: z.array(name),
  uncounted: z.array(name),
});
const sweptSchema = z.object({ v: z.literal(1), generation, tombs: z.array(name) });

/** What a tomb says. */
export interface TombBody {
  readonly generation: number;
  /** By the storage's clock, milliseconds. */
  readonly time: number;
  /** Seconds for which nothing of it is deleted. */
  readonly grace: number;
  readonly packs: readonly ObjectName[];
  /** Segments that tell where the copies of what was needed are. */
  readonly replacements: readonly ObjectName[];
  /** Snapshots that did not count, for their trash had ended. */
  readonly uncounted: readonly ObjectName[];
}

export interface Tomb extends TombBody {
  readonly name: ObjectName;
  readonly path: string;
  /** When it lay in storage at the latest, by its clock, milliseconds. */
  readonly since: number;
  /** It was carried out. */
  readonly swept: boolean;
}

export interface TombFault {
  readonly path: string;
  readonly reason: string;
}

export interface TombListing {
  readonly tombs: readonly Tomb[];
  /** Signed statements that tombs were carried out, by path: the tombs. */
  readonly swept: ReadonlyMap<string, readonly ObjectName[]>;
  readonly faults: readonly TombFault[];
  /** Every path in the folder, to tell what is new in a later listing. */
  readonly paths: ReadonlySet<string>;
  /** The highest one there is; 0 without any. */
  readonly generation: number;
  /** Named by any of them. */
  readonly packs: ReadonlySet<ObjectName>;
}

/** As many names as go into one tomb: 7 MB. */
export const TOMB_PACKS = 100_000;

interface TombPath {
  readonly path: string;
  readonly generation: number;
  readonly name: ObjectName;
  readonly isSwept: boolean;
  readonly size: number;
  readonly modified: number;
}

async function listPaths({ backend }: Pick<Repository, 'backend'>): Promise<{ all: Set<string>; tombs: TombPath[] }> {
  const all = new Set<string>();
  const tombs: TombPath[] = [];
  for await (const { path, size, modified } of backend.list('tombs')) {
    all.add(path);
    const match = /^tombs\/([1-9]\d{0,14})-([0-9a-f]{64})(\.swept)?$/.exec(path);
    if (match?.[2] === undefined) continue;
    const [, generation, object, swept] = match;
    tombs.push({
      path,
      size,
      modified,
      generation: Number(generation),
      name: objectName(object ?? ''),
      isSwept: swept !== undefined,
    });
  }
  return { all, tombs: tombs.sort((a, b) => a.generation - b.generation || (a.path < b.path ? -1 : 1)) };
}

/**
 * All tombs, authenticated. `known`: of an earlier listing; what is named by its content is not read again.
 * @param objects where they may be taken from that are listed
 * @throws NeoError unreachable; failed when keys were rotated since the repository was opened
 */
export async function listTombs(
  repository: Repository,
  known?: TombListing,
  objects?: ObjectCache,
): Promise<TombListing> {
  const { all, tombs: paths } = await listPaths(repository);
  const before = known === undefined ? new Map<string, Found>() : byPath(known);
  const limit = pLimit(READ_AT_ONCE);
  const reading = paths.map(async (at) => {
    const found = before.get(at.path) ?? (await limit(() => readTomb(repository, at, objects)));
    return { at, found };
  });
  const tombs: Tomb[] = [];
  const faults: TombFault[] = [];
  const swept = new Map<string, readonly ObjectName[]>();
  for (const { at, found } of await Promise.all(reading)) {
    if (found === undefined) continue;
    if ('reason' in found) faults.push(found);
    else if ('tombs' in found) swept.set(at.path, found.tombs);
    else tombs.push(found);
  }
  if (faults.length > 0) await refuseRotated(repository);
  const done = new Set([...swept.values()].flat());
  return {
    tombs: tombs.map((tomb) => ({ ...tomb, swept: done.has(tomb.name) })),
    swept,
    faults,
    paths: all,
    generation: tombs.at(-1)?.generation ?? 0,
    packs: new Set(tombs.flatMap(({ packs }) => packs)),
  };
}

function byPath({ tombs, swept }: TombListing): Map<string, Found> {
  return new Map<string, Found>([
    ...tombs.map((tomb): [string, Found] => [tomb.path, tomb]),
    ...[...swept].map(([path, names]): [string, Found] => [path, { tombs: names }]),
  ]);
}

/** A tomb, the word that some were carried out, or what is wrong. */
type Found = Tomb | { readonly tombs: readonly ObjectName[] } | TombFault;

function tombOf({ path, name: object, modified }: TombPath, body: z.infer<typeof tombSchema>): Tomb {
  return {
    ...body,
    name: object,
    path,
    since: Math.max(body.time, modified),
    packs: body.packs.map(objectName),
    replacements: body.replacements.map(objectName),
    uncounted: body.uncounted.map(objectName),
    swept: false,
  };
}

async function readTomb(repository: Repository, at: TombPath, objects?: ObjectCache): Promise<Found | undefined> {
  const { path } = at;
  if (at.size > LARGEST.tomb) return { path, reason: `${at.size} bytes are no tomb` };
  const bytes = await keptOr(repository, objects, at, () => repository.backend.get(path));
  if (bytes === undefined) return undefined;
  if (toHex(repository.engine.blake3(bytes)) !== at.name) return { path, reason: 'bytes do not give its name' };
  try {
    return openTomb(repository, at, bytes);
  } catch (error) {
    if (isNeoError(error, 'integrity') || isNeoError(error, 'needs-newer-neo')) {
      return { path, reason: messageOf(error) };
    }
    throw error;
  }
}

/** @throws NeoError integrity, needs-newer-neo */
function openTomb(repository: Repository, at: TombPath, bytes: Uint8Array): Found {
  const { path, isSwept } = at;
  const kind = isSwept ? 'swept' : 'tomb';
  const { body, signer } = decodeSealedSigned(repository, kind, repository.keys.index, bytes);
  if (signer.role !== 'full') return { path, reason: 'its maker may only write' };
  const { data } = z.union([tombSchema, sweptSchema]).safeParse(parseJson(body));
  if (data === undefined || 'tombs' in data !== isSwept) return { path, reason: 'it is malformed' };
  if (data.generation !== at.generation) return { path, reason: 'its generation is not that of its path' };
  return 'tombs' in data ? { tombs: data.tombs.map(objectName) } : tombOf(at, data);
}

/** @throws NeoError permission-denied without role full, no-space, unreachable */
export async function putTomb(repository: Repository, body: TombBody): Promise<ObjectName> {
  return put(repository, 'tomb', body.generation, { v: 1, ...body }, (path) => putMarks(repository, path, body));
}

/** Says that tombs of a generation were carried out. @throws as {@link putTomb} */
export async function putSwept(
  repository: Repository,
  generation: number,
  tombs: readonly ObjectName[],
): Promise<ObjectName> {
  return put(repository, 'swept', generation, { v: 1, generation, tombs });
}

async function put(
  repository: Repository,
  kind: 'tomb' | 'swept',
  generation: number,
  body: Json,
  before: (path: string) => Promise<void> = async () => undefined,
): Promise<ObjectName> {
  const { engine, keys, signer, backend } = repository;
  if (signer.certificate.role !== 'full') {
    throw new NeoError('permission-denied', 'this key may only write: it can free no space', {
      hint: 'use a key of role full',
    });
  }
  const bytes = encodeSealedSigned(repository, kind, keys.index, signer, canonicalJson(body));
  const object = objectName(toHex(engine.blake3(bytes)));
  const path = `tombs/${generation}-${object}${kind === 'swept' ? '.swept' : ''}`;
  await before(path);
  await backend.put(path, bytes);
  return object;
}

/** What a server needs to know before it removes anything: stored before the tomb, or with one that was copied there, before it is acted on. */
export async function putMarks(
  { backend }: Pick<Repository, 'backend'>,
  tomb: string,
  { packs, uncounted }: Pick<TombBody, 'packs' | 'uncounted'>,
): Promise<void> {
  if (backend.isGuarded !== true) return;
  const paths = [...packs.map(packPath), ...uncounted.map((name) => `snapshots/${name}`)];
  await backend.put(marksPath(tomb), encodeMarks(paths));
}

/** With what stands beside it. */
export async function removeTomb({ backend }: Pick<Repository, 'backend'>, path: string): Promise<void> {
  await backend.remove(path);
  if (backend.isGuarded === true) await backend.remove(marksPath(path));
}

/** Snapshots that a prune may be about to delete, whatever became of their removal since. */
export function snapshotsBeingFreed({ tombs }: Pick<TombListing, 'tombs'>): ReadonlySet<ObjectName> {
  return new Set(tombs.flatMap(({ swept, uncounted }) => (swept ? [] : uncounted)));
}
