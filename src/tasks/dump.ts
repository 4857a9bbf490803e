/** A directory or file of a snapshot as an archive, as a stream: the library's side of `neo dump`. */
import type { Readable } from 'node:stream';
import { NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import { parseJson } from '../core/json.ts';
import { baseName, joinNames, parentPath, splitPath } from '../fs/path.ts';
import { BlobReader, type BlobSource } from '../repo/blob-reader.ts';
import { loadContent } from '../snapshot/content.ts';
import type { Node, Xattr } from '../snapshot/node.ts';
import { xattrsFromJson } from '../snapshot/node-json.ts';
import type { LoadBlob } from '../snapshot/tree.ts';
import { readNodeContent } from './contents.ts';
import { END_OF_ARCHIVE, type TarEntry, type TarType, tarHeader, tarPadding } from './dump/pax.ts';
import { ZipArchive } from './dump/zip.ts';
import { type Listed, listNodes, requirePath } from './list.ts';

export interface DumpCounts {
  files: number;
  /** Of the archive. */
  bytes: number;
}

/** Zeros are given that many at a time. */
const ZEROS = new Uint8Array(1 << 16);

/**
 * Names in it begin with the last one of the path; of a whole snapshot they are its paths without the leading slash. Each
 * chunk is verified before it is given, and only a whole archive has its end: one that broke off is not taken for whole.
 * Holds one chunk at a time.
 * @throws NeoError failed when there is nothing at the path; integrity, possibly after part of it
 */
export async function* dumpTar(
  repository: BlobSource,
  snapshot: Listed,
  path: Uint8Array,
  events: EventSink,
  counts: DumpCounts,
): AsyncGenerator<Uint8Array> {
  const reader = new BlobReader(repository);
  const load: LoadBlob = (kind, key) => reader.load(kind, key);
  const { path: root, node, tree } = await requirePath(load, snapshot, path);
  const above = splitPath(root).length - (node === undefined ? 0 : 1);
  const archive = new Archive(repository, load, above, events, counts);
  if (node !== undefined) yield* archive.entry(root, node);
  if (tree !== undefined) {
    for await (const { path: at, node: inner } of listNodes(
      repository,
      snapshot,
      { path: root, recursive: true },
      events,
    )) {
      yield* archive.entry(at, inner);
    }
  }
  counts.bytes += END_OF_ARCHIVE.length;
  yield END_OF_ARCHIVE;
}

/**
 * As {@link dumpTar}. The list of entries at a zip's end is kept in memory; what is no name everywhere is escaped and told.
 * Attributes, owners and hard links are not in it.
 */
export async function* dumpZip(
  repository: BlobSource,
  snapshot: Listed,
  path: Uint8Array,
  events: EventSink,
  counts: DumpCounts,
): AsyncGenerator<Uint8Array> {
  const { ZipFile } = await import('yazl');
  const reader = new BlobReader(repository);
  const load: LoadBlob = (kind, key) => reader.load(kind, key);
  const { path: root, node, tree } = await requirePath(load, snapshot, path);
  const zip = new ZipFile();
  const output = zip.outputStream as Readable;
  // What a file's content throws, the archive ends with.
  zip.on('error', (error: Error) => output.destroy(error));
  const above = node === undefined ? root : parentPath(Buffer.from(root));
  const archive = new ZipArchive(zip, repository, load, above, events);
  if (node !== undefined && archive.add(root, node)) counts.files += 1;
  if (tree !== undefined) {
    const below = listNodes(repository, snapshot, { path: root, recursive: true }, events);
    for await (const entry of below) if (archive.add(entry.path, entry.node)) counts.files += 1;
  }
  zip.end();
  for await (const bytes of output) {
    counts.bytes += (bytes as Uint8Array).length;
    yield bytes as Uint8Array;
  }
}

class Archive {
  readonly #repository: BlobSource;
  readonly #load: LoadBlob;
  /** Names of a path that are left out. */
  readonly #above: number;
  readonly #events: EventSink;
  readonly #counts: DumpCounts;
  /** Of files with several names, the first one. */
  readonly #links = new Map<string, Uint8Array>();

  constructor(repository: BlobSource, load: LoadBlob, above: number, events: EventSink, counts: DumpCounts) {
    this.#repository = repository;
    this.#load = load;
    this.#above = above;
    this.#events = events;
    this.#counts = counts;
  }

  async *entry(path: Uint8Array, node: Node): AsyncGenerator<Uint8Array> {
    const name = joinNames(
      [...splitPath(path).slice(this.#above), ...(node.type === 'directory' ? [Buffer.alloc(0)] : [])],
      false,
    );
    const type = this.#typeOf(name, node);
    if (type === undefined) {
      this.#events({ type: 'warning', path, message: 'a socket cannot be in a tar archive: left out' });
      return;
    }
    const header = await this.#header(name, type, node);
    this.#counts.files += 1;
    this.#counts.bytes += header.length;
    yield header;
    if (type !== 'file') return;
    for await (const bytes of this.#content(path, node)) {
      this.#counts.bytes += bytes.length;
      yield bytes;
    }
  }

  #typeOf(name: Uint8Array, { type, links, inode, device }: Node): TarType | undefined {
    if (type === 'socket') return undefined;
    if (type !== 'file' || links < 2) return type;
    const key = `${device} ${inode}`;
    if (this.#links.has(key)) return 'link';
    this.#links.set(key, name);
    return 'file';
  }

  async #header(path: Uint8Array, type: TarType, node: Node): Promise<Uint8Array> {
    const { mode, uid, gid, user, group, mtime, size, rdev } = node;
    const target = type === 'link' ? this.#links.get(`${node.device} ${node.inode}`) : node.target;
    const entry: TarEntry = {
      path,
      type,
      mode,
      uid,
      gid,
      mtime,
      size: type === 'file' ? size : 0,
      xattrs: type === 'link' ? [] : await this.#xattrs(node),
      ...(user === undefined ? {} : { user }),
      ...(group === undefined ? {} : { group }),
      ...(target === undefined ? {} : { target }),
      ...(rdev === undefined ? {} : { rdev }),
    };
    return tarHeader(entry);
  }

  async #xattrs({ xattrs, xattrContent }: Node): Promise<readonly Xattr[]> {
    if (xattrContent === undefined) return xattrs ?? [];
    return xattrsFromJson(parseJson(await loadContent(this.#load, xattrContent)));
  }

  async *#content(path: Uint8Array, node: Node): AsyncGenerator<Uint8Array> {
    let given = 0;
    for await (const stretch of readNodeContent(this.#repository, this.#load, node, path)) {
      if (stretch.type === 'data') {
        given += stretch.bytes.length;
        yield stretch.bytes;
        continue;
      }
      given += stretch.length;
      for (let left = stretch.length; left > 0; left -= ZEROS.length)
        yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
    }
    if (given !== node.size) throw new NeoError('integrity', `${baseName(path).toString()} has not its size`);
    yield tarPadding(given);
  }
}
