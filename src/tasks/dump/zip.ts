/** A directory or file of a snapshot as a zip archive, as a stream: for people who have no tar. */
import { Readable } from 'node:stream';
import type { ZipFile } from 'yazl';
import { displayBytes, equalBytes, utf8 } from '../../core/bytes.ts';
import type { EventSink } from '../../core/events.ts';
import { baseName, parentPath } from '../../fs/path.ts';
import { TargetNames } from '../../fs/target-names.ts';
import type { BlobSource } from '../../repo/blob-reader.ts';
import type { Node } from '../../snapshot/node.ts';
import type { LoadBlob } from '../../snapshot/tree.ts';
import { readNodeContent, type Stretch } from '../contents.ts';

const ZEROS = new Uint8Array(1 << 16);
const SYMLINK = 0o120000;
const FILE = 0o100000;
const DIRECTORY = 0o040000;
const PERMISSIONS = 0o7777;

/** A directory of the archive. */
interface Folder {
  /** With its slash; empty for the root. */
  readonly name: string;
  readonly names: TargetNames;
}

export class ZipArchive {
  readonly #zip: ZipFile;
  readonly #source: BlobSource;
  readonly #load: LoadBlob;
  readonly #events: EventSink;
  /** By path in the snapshot, latin1. */
  readonly #folders = new Map<string, Folder>();

  /** @param above the path in the snapshot whose entries stand at the archive's root */
  constructor(zip: ZipFile, source: BlobSource, load: LoadBlob, above: Uint8Array, events: EventSink) {
    this.#zip = zip;
    this.#source = source;
    this.#load = load;
    this.#events = events;
    this.#folders.set(keyOf(above), { name: '', names: new TargetNames('windows') });
  }

  /** Directories before what is in them. False for what no zip can hold. */
  add(path: Uint8Array, node: Node): boolean {
    const folder = this.#folders.get(keyOf(parentPath(Buffer.from(path))));
    if (folder === undefined) return false;
    const own = baseName(Buffer.from(path));
    const possible = folder.names.of(own);
    if (!equalBytes(own, possible)) {
      const message = `stands in the archive as ${displayBytes(possible)}: its name is none that every system takes`;
      this.#events({ type: 'warning', path, message, code: 'renamed' });
    }
    return this.#entry(path, `${folder.name}${Buffer.from(possible).toString()}`, node);
  }

  #entry(path: Uint8Array, name: string, node: Node): boolean {
    const mtime = new Date(Number(node.mtime / 1_000_000n));
    const mode = node.mode & PERMISSIONS;
    switch (node.type) {
      case 'directory':
        this.#folders.set(keyOf(path), { name: `${name}/`, names: new TargetNames('windows') });
        this.#zip.addEmptyDirectory(name, { mtime, mode: DIRECTORY | mode });
        return true;
      case 'symlink':
        this.#zip.addBuffer(Buffer.from(node.target ?? utf8('')), name, {
          mtime,
          mode: SYMLINK | 0o777,
          compress: false,
        });
        return true;
      case 'file': {
        const options = { mtime, mode: FILE | mode, compress: true, size: node.size };
        this.#zip.addReadStreamLazy(name, options, (take) => take(undefined, this.#content(path, node)));
        return true;
      }
      default:
        this.#events({ type: 'warning', path, message: `a ${node.type} cannot be in a zip archive: left out` });
        return false;
    }
  }

  #content(path: Uint8Array, node: Node): Readable {
    const content = bytesOf(readNodeContent(this.#source, this.#load, node, path));
    const stream = Readable.from(content, { objectMode: false });
    // The archive does not listen to what it reads.
    stream.on('error', (error) => this.#zip.emit('error', error));
    return stream;
  }
}

function keyOf(path: Uint8Array): string {
  return Buffer.from(path).toString('latin1');
}

async function* bytesOf(content: AsyncIterable<Stretch>): AsyncGenerator<Uint8Array> {
  for await (const stretch of content) {
    if (stretch.type === 'data') yield stretch.bytes;
    else
      for (let left = stretch.length; left > 0; left -= ZEROS.length)
        yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
  }
}
