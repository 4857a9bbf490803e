/** Where the files cache is kept, and when it may be believed. */
import { concatBytes, equalBytes, toHex } from '../../core/bytes.ts';
import { isNeoError, messageOf } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import type { ContentKey } from '../../core/ids.ts';
import { canonicalJson } from '../../core/json.ts';
import type { AccountSource } from '../../fs/owners.ts';
import { asBuffer } from '../../fs/path.ts';
import type { FilterFacts } from '../../fs/walk.ts';
import type { ClientState } from '../../repo/client-state.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { Before } from './before.ts';
import { FilesRecord } from './directory-record.ts';
import { decodeFilesCache, encodeFilesCache, type FilesCache, packPrefix } from './files-cache.ts';
import { readBlocks } from './known-blocks.ts';
import { KnownTrees } from './known-trees.ts';
import { DirectoryLook } from './look.ts';
import type { BackupOptions } from './options.ts';
import type { Source } from './sources.ts';

/** What it knows, and what becomes of it. */
export interface FilesSeen {
  readonly known: KnownTrees | undefined;
  readonly record: FilesRecord | undefined;
  /** After a complete snapshot with that root. */
  keep(root: ContentKey): Promise<void>;
}

export interface FilesCacheOptions {
  readonly backup: BackupOptions;
  readonly sources: readonly Source[];
  readonly before: Before;
  readonly accounts: AccountSource;
  /** When the run began, milliseconds since 1970. */
  readonly time: number;
  /** False when something of the repository is missing: then nothing is believed. */
  readonly believed: boolean;
}

export async function openFilesCache(
  repository: IndexedRepository,
  state: ClientState,
  options: FilesCacheOptions,
  events: EventSink,
): Promise<FilesSeen> {
  const { backup, sources, before, accounts, time, believed } = options;
  const use = filesCacheFor(repository, backup, sources);
  if (use === undefined) return { known: undefined, record: undefined, keep: async () => undefined };
  const record = new FilesRecord(repository.engine, BigInt(time) * 1_000_000n);
  const cache = believed ? await readFilesCache(repository, state, use, before, accounts) : undefined;
  return {
    known: cache && knownBy(repository, cache, use, before),
    record,
    keep: (root) => writeFilesCache(repository, state, use, root, record, accounts, events),
  };
}

interface FilesCacheUse {
  readonly name: string;
  readonly settings: string;
  readonly ruleNames: ReadonlySet<string>;
}

/**
 * Undefined where there must be none: a client that may not read snapshots keeps trees (cache of before.ts), and what a
 * .git folder says, access times, or inodes that change are not seen in the rows.
 */
function filesCacheFor(
  repository: IndexedRepository,
  options: BackupOptions,
  sources: readonly Source[],
): FilesCacheUse | undefined {
  const { withAtime, rules, stream, oneFileSystem } = options;
  if (repository.keys.full === undefined || stream !== undefined) return undefined;
  if (withAtime || rules.ignoreInode || rules.ignoreCtime) return undefined;
  const facts = sources.map((source) => factsOf(options, source));
  if (!facts.every((fact) => fact !== undefined)) return undefined;
  const paths = sources.map(({ path, storedAs, named }) => [textOf(path), textOf(storedAs), named === true]);
  const settings = textOf(canonicalJson([paths, facts.map(({ fingerprint }) => fingerprint), oneFileSystem]));
  const about = canonicalJson([repository.id, repository.client, options.host, paths.map(([path]) => path ?? '')]);
  const hash = toHex(repository.engine.blake3(about, repository.keys.index)).slice(0, 32);
  const ruleNames = new Set(facts.flatMap((fact) => [...fact.ruleNames]));
  return { name: `files-${hash}.cache`, settings, ruleNames };
}

const NO_FILTER: FilterFacts = { fingerprint: '', ruleNames: new Set() };

function factsOf(options: BackupOptions, source: Source): FilterFacts | undefined {
  const filter = options.filter(source);
  return filter === undefined ? NO_FILTER : filter.facts;
}

function textOf(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('latin1');
}

/** What the cache knows, if it is that of the parent, and all that the parent needs is still there. */
async function readFilesCache(
  repository: IndexedRepository,
  state: ClientState,
  use: FilesCacheUse,
  before: Before,
  accounts: AccountSource,
): Promise<FilesCache | undefined> {
  const [parent] = before.parents;
  if (parent === undefined || before.root === undefined || !equalBytes(before.root, parent.tree)) return undefined;
  const sealed = await state.read(use.name);
  if (sealed === undefined) return undefined;
  const cache = decodeFilesCache(repository.engine, repository.signer.seed, sealed);
  if (cache === undefined || cache.settings !== use.settings || !equalBytes(cache.root, parent.tree)) return undefined;
  if (!hasPacks(repository, cache) || ownersOf(cache.owners, accounts) !== cache.owners) return undefined;
  return cache;
}

/** Undefined where the platform has no quick way to look, and for a cache that is damaged. */
function knownBy(
  { engine }: IndexedRepository,
  { blocks, bundles }: FilesCache,
  { ruleNames }: FilesCacheUse,
  { rebundle }: Before,
): KnownTrees | undefined {
  const look = DirectoryLook.of(ruleNames);
  try {
    return look && new KnownTrees({ directories: readBlocks(engine, blocks), bundles, givenUp: rebundle, look });
  } catch (error) {
    if (isNeoError(error, 'integrity')) return undefined;
    throw error;
  }
}

function trustedPacks(repository: IndexedRepository): Set<string> {
  return new Set(repository.packs.flatMap((pack) => (pack?.trusted === true ? [packPrefix(pack.name)] : [])));
}

function hasPacks(repository: IndexedRepository, { packs }: FilesCache): boolean {
  const present = trustedPacks(repository);
  for (const pack of packs) if (!present.has(pack)) return false;
  return true;
}

/** The names that accounts have now, for the numbers in `owners`. */
function ownersOf(owners: string, accounts: AccountSource): string {
  const { users, groups } = JSON.parse(owners) as { users: [number, string][]; groups: [number, string][] };
  return describeOwners(
    users.map(([id]) => id),
    groups.map(([id]) => id),
    accounts,
  );
}

function describeOwners(users: readonly number[], groups: readonly number[], accounts: AccountSource): string {
  return JSON.stringify({
    users: users.map((id) => [id, accounts.userName(id) ?? null]),
    groups: groups.map((id) => [id, accounts.groupName(id) ?? null]),
  });
}

/** After a complete snapshot; a failure costs the next run time. */
async function writeFilesCache(
  repository: IndexedRepository,
  state: ClientState,
  use: FilesCacheUse,
  root: ContentKey,
  record: FilesRecord,
  accounts: AccountSource,
  events: EventSink,
): Promise<void> {
  const directories = record.finish();
  if (directories === undefined) return;
  const { bundles, users, groups } = record;
  const owners = describeOwners([...users], [...groups], accounts);
  const packs = trustedPacks(repository);
  const cache = { root, settings: use.settings, owners, packs, bundles, blocks: concatBytes(...directories) };
  const { engine, signer, random } = repository;
  try {
    await state.write(use.name, encodeFilesCache(engine, signer.seed, random, cache));
  } catch (error) {
    events({ type: 'note', message: `the local files cache was not kept: ${messageOf(error)}` });
  }
}
