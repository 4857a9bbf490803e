/** A tar archive as a snapshot: the library's side of `neo import`. */
import { displayBytes } from '../core/bytes.ts';
import { throwIfAborted } from '../core/concurrency.ts';
import { NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import type { ContentKey, ObjectName } from '../core/ids.ts';
import { isDot, isDotDot, joinNames, splitPath } from '../fs/path.ts';
import { refuseExpired } from '../repo/certificate.ts';
import type { ClientState } from '../repo/client-state.ts';
import { requireFeatures, requireOneConfig } from '../repo/config.ts';
import type { IndexedRepository } from '../repo/indexed.ts';
import { requireFull } from '../repo/repository.ts';
import { runWriter } from '../repo/run-writer.ts';
import { rememberHeads } from '../snapshot/heads.ts';
import { listHeads } from '../snapshot/listing.ts';
import type { Node } from '../snapshot/node.ts';
import type { SnapshotBody } from '../snapshot/snapshot.ts';
import { TreeBuilder } from '../snapshot/tree.ts';
import { commitSnapshot, takeStanding, type Validation } from './commit.ts';
import {
  ArchiveDirectory,
  ArchiveFile,
  ArchiveTree,
  type Counts,
  type Facts,
  saveDirectory,
} from './import/archive-tree.ts';
import { ArchiveContents, type ImportStore } from './import/contents.ts';
import { decompressed } from './import/decompress.ts';
import { type ArchiveEntry, type ArchiveType, readTar } from './import/tar-reader.ts';
import { sealBody } from './seal-snapshot.ts';

export interface ImportOptions {
  /** Of the archive. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Absolute: what the archive's names stand below. */
  readonly as: Uint8Array;
  readonly host: string;
  readonly user: string;
  readonly uid: number;
  /** Of directories that the archive has only as part of a path. */
  readonly gid: number;
  readonly tags: readonly string[];
  readonly label?: string;
  readonly description?: string;
  readonly program: string;
  readonly level?: number;
  readonly dryRun: boolean;
  /** Milliseconds (repo/grace.ts); for tests alone. */
  readonly graceFloor?: number;
}

export interface ImportSummary extends Counts {
  /** Absent for a dry run. */
  readonly snapshot?: ObjectName;
  /** Entries that are not in it; each was named. */
  readonly leftOut: number;
  readonly bytesStored: number;
  readonly durationMs: number;
}

/**
 * Nothing of it is visible before the archive's end was read.
 * @throws NeoError permission-denied without role full; usage for a compression that is not read; failed for what is no tar
 * archive, is damaged, breaks off or has nothing in it; interrupted, no-space, unreachable
 */
export async function importTar(
  repository: IndexedRepository,
  state: ClientState,
  options: ImportOptions,
  events: EventSink,
  signal?: AbortSignal,
): Promise<ImportSummary> {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'import an archive');
  if (!options.dryRun) refuseExpired(repository.signer.certificate, await repository.backend.now());
  const { clock } = repository;
  const started = clock.monotonic();
  const time = clock.now();
  const { heads } = await listHeads(repository);
  const standing = await takeStanding(repository);
  const { session, writer } = runWriter(repository, options.dryRun);
  const level = Math.min(options.level ?? repository.config.compression, repository.engine.maxCompressionLevel);
  const store: ImportStore = {
    save: (kind, bytes) => writer.save(kind, bytes, level).key,
    room: () => session.room(),
  };
  try {
    const run = new Import(repository, store, options, events, signal);
    const { tree, paths, counts, leftOut } = await run.save();
    writer.finish();
    await session.finish();
    const figures = { ...counts, leftOut, bytesStored: session.storedBytes };
    const elapsed = (): number => Math.round(clock.monotonic() - started);
    if (options.dryRun) return { ...figures, durationMs: elapsed() };
    const body = bodyOf(options, { time, tree, paths, figures: { ...figures, durationMs: elapsed() } });
    const seal = (validation: Validation): Uint8Array => sealBody(repository, session.session, heads, validation, body);
    const floor = options.graceFloor === undefined ? {} : { graceFloor: options.graceFloor };
    const commit = { standing, session, root: tree, restsOn: undefined, seal, ...floor };
    const snapshot = await commitSnapshot(repository, commit, events);
    await rememberHeads(repository, state, (await listHeads(repository, heads)).heads, events);
    return { snapshot, ...figures, durationMs: elapsed() };
  } finally {
    await session.close();
  }
}

interface Saved {
  readonly tree: ContentKey;
  readonly paths: readonly Uint8Array[];
  readonly counts: Counts;
  readonly leftOut: number;
}

/** As a snapshot's walk ends its bundles (docs/format.md, section 6). */
const MARK_EVERY = 16_384;
/** Longer paths no system takes. */
const MOST_PATH = 4096;
/** Paths that a snapshot names; of more the directory that holds them. */
const MOST_PATHS = 16;

class Import {
  readonly #repository: IndexedRepository;
  readonly #store: ImportStore;
  readonly #options: ImportOptions;
  readonly #events: EventSink;
  readonly #signal: AbortSignal | undefined;
  readonly #contents: ArchiveContents;
  readonly #tree: ArchiveTree;
  /** Names of the path that all stands below, latin1. */
  readonly #above: readonly string[];
  /** First names of what the archive holds, latin1; empty: its own root. */
  readonly #first = new Set<string>();
  #directory: readonly string[] = [];
  #steps = 0;
  #leftOut = 0;
  #files = 0;
  #bytes = 0;
  #told = false;

  constructor(
    repository: IndexedRepository,
    store: ImportStore,
    options: ImportOptions,
    events: EventSink,
    signal: AbortSignal | undefined,
  ) {
    this.#repository = repository;
    this.#store = store;
    this.#options = options;
    this.#events = events;
    this.#signal = signal;
    this.#contents = new ArchiveContents(repository, store);
    const { uid, gid } = options;
    this.#tree = new ArchiveTree(() => ({ ...NO_TIMES, type: 'directory', mode: 0o755, uid, gid }));
    this.#above = splitPath(options.as).map(latin1);
  }

  async save(): Promise<Saved> {
    const feed = await decompressed(this.#options.bytes);
    for await (const entry of readTar(feed)) {
      throwIfAborted(this.#signal);
      await this.#entry(entry);
    }
    throwIfAborted(this.#signal);
    await this.#contents.finish();
    if (this.#first.size === 0) throw new NeoError('failed', 'there is nothing in the archive');
    const tree = await saveDirectory(this.#tree.root, (nodes) => this.#build(nodes));
    return { tree, paths: this.#paths(), counts: this.#tree.counts(), leftOut: this.#leftOut };
  }

  async #entry(entry: ArchiveEntry): Promise<void> {
    const names = splitPath(entry.path).filter((name) => !isDot(name));
    const reason = whyNot(entry, names);
    if (reason !== undefined) return this.#leaveOut(entry.path, reason);
    if (entry.unkept && !this.#told) {
      this.#told = true;
      this.#events({
        type: 'note',
        message: 'access control lists and labels that the archive has as text are not kept',
      });
    }
    const path = [...this.#above, ...names.map(latin1)];
    this.#step(path, entry.type === 'directory');
    const isTaken = entry.type === 'link' ? this.#link(path, entry) : await this.#put(path, entry);
    if (!isTaken) return this.#leaveOut(entry.path, cannotStand(entry));
    this.#first.add(path[this.#above.length] ?? '');
    this.#progress(entry);
  }

  async #put(path: readonly string[], entry: ArchiveEntry): Promise<boolean> {
    const facts = this.#facts(entry);
    if (entry.type === 'directory') return this.#tree.put(path, new ArchiveDirectory(facts));
    const file = new ArchiveFile(facts);
    if (!this.#tree.put(path, file)) return false;
    if (entry.type === 'file') await this.#contents.store(file, entry.content);
    return true;
  }

  #link(path: readonly string[], { link }: ArchiveEntry): boolean {
    const names = splitPath(link).filter((name) => !isDot(name));
    const target = this.#tree.find([...this.#above, ...names.map(latin1)]);
    return target instanceof ArchiveFile && this.#tree.link(path, target);
  }

  #facts(entry: ArchiveEntry): Facts {
    const { type, mode, uid, gid, user, group, mtime, ctime, size, link, rdev, xattrs, extents } = entry;
    return {
      ...NO_TIMES,
      type: nodeType(type),
      mode,
      uid,
      gid,
      mtime,
      ctime: ctime ?? mtime,
      size,
      ...(user === undefined ? {} : { user }),
      ...(group === undefined ? {} : { group }),
      ...(type === 'symlink' ? { target: link } : {}),
      ...(type === 'chardev' || type === 'blockdev' ? { rdev } : {}),
      ...this.#contents.attributes(xattrs.filter(({ name }) => !name.includes(0))),
      ...this.#contents.extents(extents, size),
    };
  }

  /** Bundles end where those of a snapshot would, if the archive is in the order of one. */
  #step(path: readonly string[], isDirectory: boolean): void {
    const directory = isDirectory ? path : path.slice(0, -1);
    const common = this.#directory.findIndex((name, at) => name !== directory[at]);
    const left = common < 0 ? 0 : this.#directory.length - common;
    if (left > 0) this.#contents.end('directory');
    this.#directory = directory;
    const before = this.#steps;
    this.#steps += left + 1;
    if (Math.floor(before / MARK_EVERY) < Math.floor(this.#steps / MARK_EVERY)) this.#contents.end('mark');
  }

  #progress({ type, size, path }: ArchiveEntry): void {
    if (type === 'directory') return;
    this.#files += 1;
    this.#bytes += size;
    const progress = { files: this.#files, bytes: this.#bytes, current: displayBytes(path) };
    this.#events({ type: 'progress', phase: 'import', progress });
  }

  #leaveOut(path: Uint8Array, reason: string): void {
    this.#leftOut += 1;
    this.#events({ type: 'warning', path, message: `left out: ${reason}` });
  }

  async #build(nodes: readonly Node[]): Promise<ContentKey> {
    throwIfAborted(this.#signal);
    await this.#store.room();
    const { engine } = this.#repository;
    const builder = new TreeBuilder(
      (kind, json) => this.#store.save(kind, json),
      (bytes) => engine.blake3(bytes),
    );
    for (const node of nodes) builder.add(node);
    return builder.finish();
  }

  #paths(): Uint8Array[] {
    const { as } = this.#options;
    if (this.#first.has('') || this.#first.size > MOST_PATHS) return [as];
    const above = this.#above.map((name) => Buffer.from(name, 'latin1'));
    return [...this.#first].sort().map((name) => joinNames([...above, Buffer.from(name, 'latin1')], true));
  }
}

const NO_TIMES = { mtime: 0n, ctime: 0n, inode: 0n, device: 0, links: 1, size: 0 } as const;

function latin1(name: Buffer): string {
  return name.toString('latin1');
}

function nodeType(type: ArchiveType | undefined): Node['type'] {
  return type === undefined || type === 'link' ? 'file' : type;
}

/** Undefined for what can be kept. */
function whyNot({ type, path, link }: ArchiveEntry, names: readonly Buffer[]): string | undefined {
  if (type === undefined) return 'it is of a kind that is not known';
  if (names.some(isDotDot)) return 'its path leads out of the archive';
  if (path.length > MOST_PATH) return 'its path is too long';
  if (path.includes(0) || link.includes(0)) return 'its path is none';
  if (type === 'symlink' && link.length === 0) return 'a symlink to nothing';
  if (names.length === 0 && type !== 'directory') return 'it has no name';
  return undefined;
}

function cannotStand({ type, link }: ArchiveEntry): string {
  if (type === 'link') return `a hard link to ${displayBytes(link)}, which is not there`;
  return 'something above it is no directory';
}

interface Archived {
  readonly time: number;
  readonly tree: ContentKey;
  readonly paths: readonly Uint8Array[];
  readonly figures: Omit<ImportSummary, 'snapshot'>;
}

function bodyOf(options: ImportOptions, { time, tree, paths, figures }: Archived): SnapshotBody {
  const { host, user, uid, tags, program, label, description } = options;
  return {
    time,
    host,
    user,
    uid,
    paths,
    tree,
    devices: [],
    tags,
    program,
    kind: 'snapshot',
    excludes: [],
    statistics: {
      filesNew: figures.files,
      filesChanged: 0,
      filesUnmodified: 0,
      directories: figures.directories,
      bytesProcessed: figures.bytes,
      bytesAdded: figures.bytes,
      bytesStored: figures.bytesStored,
      errors: figures.leftOut,
      durationMs: figures.durationMs,
    },
    rebundle: [],
    ...(label === undefined ? {} : { label }),
    ...(description === undefined ? {} : { description }),
  };
}
