/**
 * The index out of the packs' own directories. New segments are written before old ones go, so that every moment in
 * between is a valid repository. Nothing of a pack but its footer and directory is read.
 */
import pLimit from 'p-limit';
import { toHex } from '../core/bytes.ts';
import { isNeoError, messageOf, NeoError } from '../core/errors.ts';
import { type ObjectName, objectName, type SessionId, sessionId } from '../core/ids.ts';
import { refuseExpired } from './certificate.ts';
import { encodeSegment, type PackRecord, unpack } from './index/segment.ts';
import { eachSegment, type LoadedPacked, type SegmentFault } from './indexed.ts';
import { FOOTER_LENGTH, openDirectory, packPath, readFooter } from './pack/pack.ts';
import { listPacks } from './pack-listing.ts';
import { newId, type Repository } from './repository.ts';
import { encodeSealedSigned } from './signed-object.ts';

/** The end of a pack, read at once: footer and, of most packs, the whole directory. */
const TAIL = 64 << 10;
const READS = 8;
/** Blobs a segment: 3.7 MB. */
const SEGMENT_BLOBS = 50_000;

export interface PackFault {
  readonly path: string;
  readonly reason: string;
}

/** What the packs say, against what the segments say. */
export interface IndexRepairPlan {
  readonly packs: number;
  readonly blobs: number;
  /** Packs whose directory is damaged or of nobody here; what segments say of them stays. */
  readonly unreadable: readonly PackFault[];
  /** Packs that no segment describes as their directories do, or only one that has to go. */
  readonly rewrite: readonly ObjectName[];
  /** Segments that go: damaged, or wrong about a pack. */
  readonly obsolete: readonly PackFault[];
}

interface ListedPack {
  readonly name: ObjectName;
  readonly size: number;
}

/** Told of each directory read. */
export type OnDirectory = (blobs: number) => void;

export async function planIndexRepair(repository: Repository, onDirectory: OnDirectory): Promise<IndexRepairPlan> {
  const segments: SegmentSummary[] = [];
  const faults = await eachSegment(repository, (loaded) => segments.push(summaryOf(repository, loaded)));
  const listed = await packsInOrder(repository);
  const truth = new Map<string, string>();
  const unreadable: PackFault[] = [];
  let blobs = 0;
  await eachDirectory(repository, listed, (pack, result) => {
    if (typeof result === 'string') unreadable.push({ path: packPath(pack.name), reason: result });
    else {
      blobs += result.entries.length;
      truth.set(pack.name, digestOf(repository, result));
      onDirectory(result.entries.length);
    }
  });
  const unknown = new Set(unreadable.map(({ path }) => path));
  const judged = segments.map((loaded) => ({ loaded, reason: faultOf(loaded, truth, unknown) }));
  const wrong = judged.flatMap(({ loaded, reason }) => (reason === undefined ? [] : [{ path: loaded.path, reason }]));
  const described = new Set(
    judged
      .filter(({ reason }) => reason === undefined)
      .flatMap(({ loaded }) => loaded.packs.flatMap(({ name, verified }) => (verified ? [] : [name]))),
  );
  const rewrite = listed.map(({ name }) => name).filter((name) => truth.has(name) && !described.has(name));
  return { packs: listed.length, blobs, unreadable, rewrite, obsolete: [...removable(faults, unreadable), ...wrong] };
}

/** A segment that cannot be believed may yet be right about a pack that cannot be read: then it stays. */
function removable(faults: readonly SegmentFault[], unreadable: readonly PackFault[]): readonly SegmentFault[] {
  const known = faults.filter(({ newer }) => newer !== true);
  return unreadable.length === 0 ? known : known.filter(({ damaged }) => damaged);
}

/** What has to be known of a segment, without its blobs. */
interface SegmentSummary {
  readonly path: string;
  readonly packs: readonly { readonly name: ObjectName; readonly digest: string; readonly verified: boolean }[];
  /** It says what its signer may not say. */
  readonly oversteps: boolean;
}

function summaryOf(repository: Repository, { path, segment, signer }: LoadedPacked): SegmentSummary {
  return {
    path,
    packs: segment.packs.map((pack) => ({
      name: pack.name,
      digest: digestOf(repository, unpack(pack)),
      verified: pack.verified === true,
    })),
    oversteps: signer.role !== 'full' && segment.packs.some(({ author }) => author !== signer.client),
  };
}

/** Undefined if the segment is right, or the only one to know a pack that cannot be read. */
function faultOf(
  { packs, oversteps }: SegmentSummary,
  truth: ReadonlyMap<string, string>,
  unknown: ReadonlySet<string>,
): string | undefined {
  if (packs.some(({ name }) => unknown.has(packPath(name)))) return undefined;
  for (const { name, digest, verified } of packs) {
    const right = truth.get(name);
    if (right === undefined) return `it names pack ${name}, which is missing`;
    // Perhaps not of all that the pack holds: what was verified is right, whatever its directory says.
    if (right !== digest && !verified) return `it is wrong about pack ${name}`;
  }
  return oversteps ? 'it speaks for a pack of another client' : undefined;
}

/** Decides whether a segment and a directory say the same of a pack. */
function digestOf(repository: Repository, record: PackRecord): string {
  const alone = { final: true, session: NO_SESSION, covered: [], replaced: [], packs: [record] };
  return toHex(repository.engine.blake3(encodeSegment(alone)));
}

const NO_SESSION = sessionId('0'.repeat(32));

async function packsInOrder(repository: Repository): Promise<ListedPack[]> {
  const packs = [...(await listPacks(repository))].map(([name, { size }]) => ({ name, size }));
  return packs.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Calls `take` with a record, or with what is wrong, of every pack. */
async function eachDirectory(
  repository: Repository,
  packs: readonly ListedPack[],
  take: (pack: ListedPack, result: PackRecord | string) => void | Promise<void>,
): Promise<void> {
  const limit = pLimit(READS);
  const results = await Promise.allSettled(
    packs.map((pack) => limit(async () => take(pack, await readRecord(repository, pack)))),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

async function readRecord(repository: Repository, { name, size }: ListedPack): Promise<PackRecord | string> {
  const path = packPath(name);
  try {
    let at = Math.max(0, size - TAIL);
    let tail = await repository.backend.getRange(path, { offset: at, length: size - at });
    if (tail === undefined) return 'it is missing';
    const length = readFooter(tail.subarray(Math.max(0, tail.length - FOOTER_LENGTH)), size);
    const start = size - FOOTER_LENGTH - length;
    if (start < at) {
      at = start;
      tail = await repository.backend.getRange(path, { offset: at, length: size - at });
      if (tail === undefined) return 'it is missing';
    }
    const sealed = tail.subarray(start - at, start - at + length);
    const { author, entries } = openDirectory({ ...repository, indexKey: repository.keys.index }, sealed);
    const end = entries.at(-1);
    if (end !== undefined && end.offset + end.length > start) return 'its directory names blobs beyond it';
    return { name, size, author: author.client, authorRole: author.role, entries };
  } catch (error) {
    // Damage in the footer can look like a newer version; a pack that is really newer has segments of newer neos.
    if (isNeoError(error, 'integrity') || isNeoError(error, 'needs-newer-neo')) return messageOf(error);
    throw error;
  }
}

/** Writes the segments that are missing, then removes those that are obsolete. Returns the number written. */
export async function carryOutIndexRepair(repository: Repository, plan: IndexRepairPlan): Promise<number> {
  refuseExpired(repository.signer.certificate, await repository.backend.now());
  const session = sessionId(newId(repository.random));
  const wanted = new Set<string>(plan.rewrite);
  const packs = (await packsInOrder(repository)).filter(({ name }) => wanted.has(name));
  const replaced = plan.obsolete.map(({ path }) => objectName(path.slice(path.lastIndexOf('/') + 1)));
  let open: PackRecord[] = [];
  let written = 0;
  const publish = async (): Promise<void> => {
    const records = open;
    open = [];
    if (records.length === 0) return;
    await putSegment(repository, session, written === 0 ? replaced : [], records);
    written += 1;
  };
  let publishing = Promise.resolve();
  await eachDirectory(repository, packs, async (_, result) => {
    // What could be read a moment ago cannot any more: nothing is removed then.
    if (typeof result === 'string') throw new NeoError('failed', `a pack changed meanwhile: ${result}`);
    open.push(result);
    const full = open.reduce((sum, { entries }) => sum + entries.length, 0) >= SEGMENT_BLOBS;
    if (full) publishing = publishing.then(publish);
    await publishing;
  });
  await publish();
  for (const { path } of plan.obsolete) await repository.backend.remove(path);
  return written;
}

async function putSegment(
  repository: Repository,
  session: SessionId,
  replaced: readonly ObjectName[],
  packs: readonly PackRecord[],
): Promise<void> {
  const body = encodeSegment({ final: true, session, covered: [], replaced, packs });
  const bytes = encodeSealedSigned(repository, 'index', repository.keys.index, repository.signer, body);
  await repository.backend.put(`index/${toHex(repository.engine.blake3(bytes))}`, bytes);
}
