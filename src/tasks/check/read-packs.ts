/** Reads packs whole: names, directories, hashes of blobs, and the content of every blob that snapshots refer to. */
import pLimit from 'p-limit';
import { isNeoError } from '../../core/errors.ts';
import type { ObjectName } from '../../core/ids.ts';
import { blobIdOf } from '../../engine/keys.ts';
import type { BlobEntry } from '../../repo/blob-entry.ts';
import type { BlobPlace } from '../../repo/blob-index.ts';
import { openVerified } from '../../repo/blob-reader.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { examinePack, packPath } from '../../repo/pack-check.ts';
import type { BlobTable, TableEntry } from './blob-table.ts';
import type { Report } from './report.ts';
import type { NamedPack } from './storage.ts';

interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Packs in memory at a time. */
const READS = 3;

export interface ReadOptions {
  readonly repository: IndexedRepository;
  /** With content keys. Empty for a client that cannot read trees. */
  readonly table: BlobTable;
  readonly report: Report;
  readonly onPack: (bytes: number) => void;
  readonly throwIfStopped: () => void;
}

export async function readPacks(options: ReadOptions, packs: readonly NamedPack[]): Promise<void> {
  const limit = pLimit(READS);
  let failed = false;
  const tasks = packs.map((pack) =>
    limit(async () => {
      if (failed) return;
      try {
        options.throwIfStopped();
        await readOne(options, pack);
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

async function readOne(options: ReadOptions, pack: NamedPack): Promise<void> {
  const { repository, report } = options;
  const path = packPath(pack.name);
  const bytes = await repository.backend.get(path);
  if (bytes === undefined) {
    for (const number of pack.numbers) report.badPack(number, 'it is missing');
    return;
  }
  const { faults, newer, directory, whole } = examinePack(repository, pack.name, bytes);
  for (const fault of faults) {
    if (newer) report.addNewer(path, fault);
    else report.add(path, fault);
  }
  if (directory === undefined) examineReachable(options, pack, bytes);
  else for (const entry of directory.entries) examineEntry(options, pack, bytes, entry, whole.has(entry));
  options.onPack(bytes.length);
}

function examineEntry(
  { repository, table, report }: ReadOptions,
  pack: NamedPack,
  bytes: Uint8Array,
  entry: BlobEntry,
  isWhole: boolean,
): void {
  const known = table.find(entry.id);
  const places = repository.index
    .places(entry.id)
    .filter((place) => pack.numbers.includes(place.pack) && place.offset === entry.offset);
  if (!isWhole || (known !== undefined && !opens(repository, known, bytes, entry))) {
    const reason = isWhole ? 'a blob is not what its id says' : 'a blob is damaged';
    for (const place of places) report.badCopy(entry.id, place.pack, reason);
    return;
  }
  for (const place of places) if (place.length === entry.length) table.confirm(entry.id);
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
async function confirmPlaces({ repository, table, report }: ReadOptions, packs: readonly NamedPack[]): Promise<void> {
  const read = new Set(packs.flatMap(({ numbers }) => numbers));
  for (const entry of table.entries()) {
    const id = blobIdOf(repository.engine, entry.key);
    const places = repository.index.places(id).filter(({ pack }) => read.has(pack));
    if (places.length <= entry.confirmed) continue;
    for (const place of places) {
      if (report.isBad(id, place.pack) || (await opensAt(repository, entry, place))) continue;
      report.badCopy(id, place.pack, 'an index segment gives a place in it where the blob is not');
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
