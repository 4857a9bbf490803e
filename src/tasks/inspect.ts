/** `neo list` and `neo cat --object`: the repository as it lies in storage. */
import { NeoError } from '../core/errors.ts';
import type { ObjectName } from '../core/ids.ts';
import { type Json, parseJson } from '../core/json.ts';
import { readSegmentAt } from '../repo/indexed.ts';
import { decodeObject, isAsNamed, signerJson } from '../repo/inspect.ts';
import { listPacks } from '../repo/pack-listing.ts';
import type { Repository } from '../repo/repository.ts';
import { packsAt, type SegmentBlob } from '../repo/segment-list.ts';
import { listTombs } from '../repo/tomb.ts';
import { decodeSnapshot, openBody } from '../snapshot/snapshot.ts';

export interface ListedPack {
  readonly name: ObjectName;
  /** Bytes; 0 if storage does not have it. */
  readonly size: number;
  /** When storage received it, milliseconds. */
  readonly stored?: number;
  /** Whose it is, as segments say; absent if none names it. */
  readonly author?: string;
  readonly role?: string;
  readonly blobs: number;
  /** A tomb names it. */
  readonly marked: boolean;
}

/** All that storage has or a segment names, by name. @throws NeoError unreachable */
export async function listPackObjects(repository: Repository): Promise<ListedPack[]> {
  const marked = (await listTombs(repository)).packs;
  const named = new Map<ObjectName, { author: string; role: string; blobs: number }>();
  for await (const { packs } of eachSegmentObject(repository)) {
    for (const { name, author, authorRole: role, blobs } of packs)
      named.set(name, { author, role, blobs: blobs.length });
  }
  const stored = await listPacks(repository);
  const names = [...new Set([...stored.keys(), ...named.keys()])].sort();
  return names.map((name) => {
    const there = stored.get(name);
    const { author, role, blobs = 0 } = named.get(name) ?? {};
    return {
      name,
      size: there?.size ?? 0,
      ...(there === undefined ? {} : { stored: there.modified }),
      ...(author === undefined || role === undefined ? {} : { author, role }),
      blobs,
      marked: marked.has(name),
    };
  });
}

export interface ListedSegment {
  readonly path: string;
  readonly size: number;
  readonly signer: string;
  readonly role: string;
  readonly final: boolean;
  readonly packs: readonly {
    readonly name: ObjectName;
    readonly author: string;
    readonly authorRole: string;
    readonly blobs: readonly SegmentBlob[];
  }[];
}

/** One after the other, by path; one that is damaged or nobody's is left out. @throws NeoError unreachable */
export async function* eachSegmentObject(repository: Repository): AsyncGenerator<ListedSegment> {
  const sizes = new Map<string, number>();
  for await (const { path, size } of repository.backend.list('index')) sizes.set(path, size);
  for (const [path, size] of [...sizes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const loaded = await readSegmentAt(repository, path);
    if (loaded === undefined) continue;
    const { client: signer, role } = loaded.signer;
    yield { path, size, signer, role, final: loaded.segment.final, packs: packsAt(loaded) };
    loaded.free();
  }
}

/**
 * One object by its path, or the start of it.
 * @throws NeoError failed when there is none; usage when several begin so; integrity when it is damaged or nobody's;
 * permission-denied for a snapshot without role full
 */
export async function inspectObject(repository: Repository, start: string): Promise<Json> {
  const path = await pathOf(repository, start);
  const bytes = await repository.backend.get(path);
  if (bytes === undefined) throw new NeoError('failed', `there is no object ${path}`);
  const named = isAsNamed(repository, path, bytes);
  const facts = { path, size: bytes.length, ...(named === undefined ? {} : { asNamed: named }) };
  const object = path.startsWith('snapshots/')
    ? snapshotJson(repository, bytes)
    : decodeObject(repository, path, bytes);
  return { ...facts, ...(object as { readonly [member: string]: Json }) };
}

async function pathOf({ backend }: Repository, start: string): Promise<string> {
  const folder = /^([a-z]+)\/[0-9a-z/.-]*$/.exec(start)?.[1];
  if (folder === undefined) {
    throw new NeoError('usage', `not the path of an object: ${JSON.stringify(start)}`, {
      hint: 'such as config/0, snapshots/7f83 or packs/a3; see: neo list',
    });
  }
  const found: string[] = [];
  // A pack lies in a folder of the first two digits of its name.
  const short = /^packs\/([0-9a-f]{2})([0-9a-f]+)$/.exec(start);
  const wanted = short === null ? start : `packs/${short[1]}/${short[1]}${short[2]}`;
  for await (const { path } of backend.list(folder)) if (path.startsWith(wanted)) found.push(path);
  const [only, another] = found.sort();
  if (only === undefined) throw new NeoError('failed', `there is no object ${start}`, { hint: 'see: neo list' });
  if (another !== undefined && only !== wanted) {
    throw new NeoError('usage', `${found.length} objects begin with ${start}`, { hint: 'say more of it' });
  }
  return only;
}

function snapshotJson(repository: Repository, bytes: Uint8Array): Json {
  const snapshot = decodeSnapshot(repository, bytes);
  const { head, signer } = snapshot;
  const pair = repository.keys.full?.epochs.find(({ epoch }) => epoch === head.epoch);
  const body = pair === undefined ? null : (parseJson(openBody(repository, snapshot, pair.sealSeed)) as Json);
  return {
    kind: 'snapshot',
    signer: signerJson(signer),
    head: { ...head, previous: [...head.previous] },
    body,
  };
}
