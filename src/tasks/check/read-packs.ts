/** Reads packs whole: names, directories, hashes of blobs, and the content of every blob that snapshots refer to. */
import pLimit from 'p-limit';
import { copyInto } from '../../core/bytes.ts';
import { isNeoError } from '../../core/errors.ts';
import { blobId, type ObjectName } from '../../core/ids.ts';
import { SharedBuffers, type SharedBytes } from '../../core/shared-buffers.ts';
import { blobIdOf } from '../../engine/keys.ts';
import type { BlobPlace } from '../../repo/blob-index.ts';
import { openVerified } from '../../repo/blob-reader.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { packPath } from '../../repo/pack-check.ts';
import { readPackInto } from '../../repo/pack-range.ts';
import type { VerifiedWriter } from '../../repo/verified.ts';
import type { BlobTable, TableEntry } from './blob-table.ts';
import type { LastRead } from './last-read.ts';
import type { ThreadPool } from './pool.ts';
import type { Report } from './report.ts';
import type { NamedPack } from './storage.ts';

interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface ReadOptions {
  readonly repository: IndexedRepository;
  readonly pool: ThreadPool;
  /** With content keys. Empty for a client that cannot read trees. */
  readonly table: BlobTable;
  readonly report: Report;
  readonly onPack: (bytes: number) => void;
  /** Told of each pack whether it is right; of one that seemed so at first perhaps again. */
  readonly lastRead: LastRead;
  /** Told of what others may trust from now on. */
  readonly vouch: VerifiedWriter | undefined;
  readonly throwIfStopped: () => void;
}

export async function readPacks(options: ReadOptions, packs: readonly NamedPack[]): Promise<void> {
  // Each thread works on one, and one more is read: reading takes a tenth of the time that judging does.
  const atOnce = options.pool.size + 1;
  const buffers = new SharedBuffers(packs.reduce((most, { size }) => Math.max(most, size), 0));
  const limit = pLimit(atOnce);
  let failed = false;
  const tasks = packs.map((pack) =>
    limit(async () => {
      if (failed) return;
      try {
        options.throwIfStopped();
        const memory = buffers.take();
        await readOne(options, pack, memory.subarray(0, pack.size));
        buffers.give(memory);
      } catch (error) {
        failed = true;
        throw error;
      }
    }),
  );
  const results = await Promise.allSettled(tasks);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  await confirmPlaces(options, packs);
}

async function readOne(options: ReadOptions, pack: NamedPack, memory: SharedBytes): Promise<void> {
  const { repository, pool, table, report } = options;
  const path = packPath(pack.name);
  const bytes = await fetchPack(repository, pack.name, memory);
  if (bytes === undefined) {
    for (const number of pack.numbers) report.badPack(number, 'it is missing');
    options.lastRead.judged(pack.name, false);
    return;
  }
  const { name, numbers } = pack;
  const judged = await pool.run({ type: 'pack', name, numbers, bytes, table: table.share() });
  for (const fault of judged.faults) {
    if (judged.newer) report.addNewer(path, fault);
    else report.add(path, fault);
  }
  for (const { id, pack: number, reason } of judged.badCopies) report.badCopy(blobId(id), number, reason);
  if (!judged.hasDirectory) examineReachable(options, pack, bytes);
  options.lastRead.judged(name, judged.hasDirectory && judged.faults.length + judged.badCopies.length === 0);
  options.onPack(bytes.length);
  if (judged.verified !== undefined) await options.vouch?.add({ name, size: pack.size, ...judged.verified });
}

/** As long as it was listed; undefined when it is gone. */
async function fetchPack(
  { backend }: IndexedRepository,
  name: ObjectName,
  memory: SharedBytes,
): Promise<SharedBytes | undefined> {
  try {
    return (await readPackInto(backend, name, memory)) ? memory : undefined;
  } catch (error) {
    if (!isNeoError(error, 'integrity')) throw error;
  }
  // It became shorter since.
  const bytes = await backend.get(packPath(name));
  return bytes && copyToShared(bytes);
}

function copyToShared(bytes: Uint8Array): SharedBytes {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copyInto(shared, 0, bytes);
  return shared;
}

/** Without a directory: what the index says lies here. */
function examineReachable({ repository, table, report }: ReadOptions, pack: NamedPack, bytes: Uint8Array): void {
  for (const entry of table.entries()) {
    const id = blobIdOf(repository.engine, entry.key);
    for (const place of repository.index.places(id)) {
      if (!pack.numbers.includes(place.pack)) continue;
      if (opens(repository, entry, bytes, place)) table.confirm(id);
      else report.badCopy(id, place.pack, 'a blob is damaged');
    }
  }
}

function opens(
  repository: IndexedRepository,
  { kind, key }: TableEntry,
  bytes: Uint8Array,
  place: { readonly offset: number; readonly length: number },
): boolean {
  try {
    openVerified(repository, kind, key, bytes.subarray(place.offset, place.offset + place.length));
    return true;
  } catch (error) {
    if (isNeoError(error, 'integrity')) return false;
    throw error;
  }
}

/** Places that the index gives in packs that were read, and that their directories do not bear out: tried one by one. */
async function confirmPlaces(
  { repository, table, report, lastRead }: ReadOptions,
  packs: readonly NamedPack[],
): Promise<void> {
  const read = new Set(packs.flatMap(({ numbers }) => numbers));
  for (const entry of table.entries()) {
    const id = blobIdOf(repository.engine, entry.key);
    const places = repository.index.places(id).filter(({ pack }) => read.has(pack));
    if (places.length <= entry.confirmed) continue;
    for (const place of places) {
      if (report.isBad(id, place.pack) || (await opensAt(repository, entry, place))) continue;
      report.badCopy(id, place.pack, 'an index segment gives a place in it where the blob is not');
      const pack = packs.find(({ numbers }) => numbers.includes(place.pack));
      if (pack !== undefined) lastRead.judged(pack.name, false);
    }
  }
}

async function opensAt(repository: IndexedRepository, entry: TableEntry, place: BlobPlace): Promise<boolean> {
  const info = repository.packs[place.pack];
  const sealed = info && (await rangeOf(repository, info.name, place));
  return sealed !== undefined && opens(repository, entry, sealed, { offset: 0, length: sealed.length });
}

async function rangeOf(
  repository: IndexedRepository,
  name: ObjectName,
  range: ByteRange,
): Promise<Uint8Array | undefined> {
  try {
    return await repository.backend.getRange(packPath(name), { offset: range.offset, length: range.length });
  } catch (error) {
    if (isNeoError(error, 'integrity')) return undefined;
    throw error;
  }
}
