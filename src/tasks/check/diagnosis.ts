/** What snapshots need, against what storage has of it. */
import type { EventSink } from '../../core/events.ts';
import type { BlobId, ObjectName } from '../../core/ids.ts';
import { blobIdOf } from '../../engine/keys.ts';
import type { ClientState } from '../../repo/client-state.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { listTombs, type TombListing } from '../../repo/tomb.ts';
import type { VerifiedWriter } from '../../repo/verified.ts';
import type { Snapshot } from '../../snapshot/listing.ts';
import { choosePacks, choosePacksInTurn, type Subset } from '../check-subset.ts';
import { BlobTable } from './blob-table.ts';
import { checkHeads, type Heads } from './heads.ts';
import { LastRead } from './last-read.ts';
import type { ThreadPool } from './pool.ts';
import { Reach } from './reach.ts';
import { readPacks } from './read-packs.ts';
import type { Report } from './report.ts';
import { checkPacks, type NamedPack, type PackListing } from './storage.ts';

/** Packs that are read whole: all, some by chance, or these. */
export type PacksToRead = 'all' | Subset | ReadonlySet<ObjectName>;

export interface Examination {
  readonly pool: ThreadPool;
  /** Takes what is found. */
  readonly report: Report;
  /** Undefined: structure alone. */
  readonly which: PacksToRead | undefined;
  readonly events: EventSink;
  /** @throws NeoError interrupted */
  readonly stop: () => void;
  /** Told what is right of packs that are read, and whose author may only write. */
  readonly vouch?: VerifiedWriter;
}

export interface Diagnosis {
  readonly tombs: TombListing;
  readonly listing: PackListing;
  readonly snapshots: Heads;
  /** All that snapshots refer to; with content keys if packs were read, or a prune has marked any. */
  readonly table: BlobTable;
  readonly reached: Reach;
  readonly read: ReadFigures;
}

export interface ReadFigures {
  readonly packsRead: number;
  readonly bytesRead: number;
  /** Of a rolling check: packs that were read not long ago, and that are left for the next time. */
  readonly packsFresh?: number;
  readonly packsLeft?: number;
}

/** Damage goes to the report. @throws NeoError interrupted, unreachable */
export async function diagnose(
  repository: IndexedRepository,
  state: ClientState,
  work: Examination,
): Promise<Diagnosis> {
  const { report } = work;
  const tombs = await listTombs(repository);
  for (const { path, reason } of tombs.faults) report.add(path, reason);
  const listing = await checkPacks(repository, report, tombs.packs);
  const snapshots = await checkHeads(repository, state, tombs, report);
  const table = new BlobTable(work.which !== undefined || tombs.tombs.length > 0);
  const reached = await reach(repository, snapshots.readable, table, work);
  report.missDeleted(idsIn(repository, table));
  const read = await readData(repository, state, listing.named, table, work);
  return { tombs, listing, snapshots, table, reached, read };
}

function* idsIn({ engine }: IndexedRepository, table: BlobTable): Generator<BlobId> {
  for (const { key } of table.entries()) yield blobIdOf(engine, key);
}

async function reach(
  repository: IndexedRepository,
  snapshots: readonly Snapshot[] | undefined,
  table: BlobTable,
  { pool, report, events, stop }: Examination,
): Promise<Reach> {
  let trees = 0;
  const onTree = (): void => {
    trees += 1;
    events({ type: 'progress', phase: 'check trees', progress: { files: trees, bytes: 0 } });
  };
  const walk = new Reach({ repository, pool, table, report, onTree, throwIfStopped: stop });
  for (const { body } of snapshots ?? []) await walk.from(body.tree);
  walk.end();
  if (snapshots === undefined) {
    events({ type: 'note', message: 'this key may only write: what snapshots refer to was not checked' });
  }
  return walk;
}

async function readData(
  repository: IndexedRepository,
  state: ClientState,
  named: readonly NamedPack[],
  table: BlobTable,
  { which, pool, report, events, stop, vouch }: Examination,
): Promise<ReadFigures> {
  if (which === undefined) return { packsRead: 0, bytesRead: 0 };
  const lastRead = await LastRead.load(repository, state);
  const { packs, ...figures } = chosen(named, which, lastRead, repository);
  const totals = { totalFiles: packs.length, totalBytes: packs.reduce((sum, { size }) => sum + size, 0) };
  let packsRead = 0;
  let bytesRead = 0;
  const onPack = (bytes: number): void => {
    packsRead += 1;
    bytesRead += bytes;
    events({ type: 'progress', phase: 'check data', progress: { files: packsRead, bytes: bytesRead, ...totals } });
  };
  try {
    await readPacks({ repository, pool, table, report, onPack, lastRead, throwIfStopped: stop, vouch }, packs);
  } finally {
    // Also of a run that was interrupted: the next one goes on from there.
    await lastRead.save(new Set(named.map(({ name }) => name)));
  }
  return { packsRead, bytesRead, ...figures };
}

interface Chosen extends Omit<ReadFigures, 'packsRead' | 'bytesRead'> {
  readonly packs: readonly NamedPack[];
}

function chosen(
  named: readonly NamedPack[],
  which: PacksToRead,
  lastRead: LastRead,
  { random, clock }: IndexedRepository,
): Chosen {
  if (which === 'all') return { packs: named };
  if ('has' in which) return { packs: named.filter(({ name }) => which.has(name)) };
  if (which.type !== 'rolling') return { packs: choosePacks(named, which, random) };
  const dated = named.map((pack) => ({ pack, read: lastRead.at(pack.name) }));
  const { due, fresh } = choosePacksInTurn(dated, which, clock.now());
  return { packs: due.chosen, packsFresh: fresh, packsLeft: due.left };
}
