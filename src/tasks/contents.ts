/** The bytes of one file of a snapshot, as a stream: the library's side of `neo cat`. */
import { displayBytes, equalBytes } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { BlobReader, type BlobSource } from '../repo/blob-reader.ts';
import { contentPieces, loadContent } from '../snapshot/content.ts';
import { decodeExtents } from '../snapshot/extents.ts';
import type { Extent, Node, NodeType } from '../snapshot/node.ts';
import type { LoadBlob } from '../snapshot/tree.ts';
import { type Listed, requirePath } from './list.ts';
import { Layout } from './restore/layout.ts';

/** What comes next in the file. */
export type Stretch =
  | { readonly type: 'data'; readonly bytes: Uint8Array }
  /** Zeros that take no place; `length` bytes of them. */
  | { readonly type: 'hole'; readonly length: number };

/**
 * A regular file from its beginning to its end, each chunk verified before it is handed out, and the whole at the end.
 * Holds one chunk at a time.
 * @throws NeoError failed when there is no regular file at the path · integrity, possibly after part of the content
 */
export async function* readFileContent(
  repository: BlobSource,
  snapshot: Listed,
  path: Uint8Array,
): AsyncGenerator<Stretch> {
  const reader = new BlobReader(repository);
  const load: LoadBlob = (kind, key) => reader.load(kind, key);
  const { node } = await requirePath(load, snapshot, path);
  yield* readNodeContent(repository, load, requireFile(node, path), path);
}

/** The same of a node at hand, which is of a regular file. `path` is for messages. */
export async function* readNodeContent(
  repository: BlobSource,
  load: LoadBlob,
  file: Node,
  path: Uint8Array,
): AsyncGenerator<Stretch> {
  const layout = new Layout(file.size, await extentsOf(load, file));
  const hasher = repository.engine.blake3Hasher(repository.keys.content.file);
  let at = 0;
  for await (const piece of contentPieces(load, file.content, layout.length)) {
    const blob = await load('data', piece.key);
    if (blob.length !== piece.length) throw damaged(path, 'a chunk has another length than the file says');
    const segments = layout.take(piece.from, piece.to - piece.from);
    for (let n = 0; n < segments.length; n += 3) {
      const [from = 0, length = 0, offset = 0] = segments.slice(n, n + 3);
      if (offset > at) yield { type: 'hole', length: offset - at };
      const bytes = blob.subarray(from, from + length);
      hasher.update(bytes);
      yield { type: 'data', bytes };
      at = offset + length;
    }
  }
  layout.finish();
  if (file.size > at) yield { type: 'hole', length: file.size - at };
  if (file.contentHash !== undefined && !equalBytes(hasher.digest(), file.contentHash)) {
    throw damaged(path, 'its bytes are not those that were saved');
  }
}

const WORDS: Readonly<Record<NodeType, string>> = {
  file: 'file',
  directory: 'directory',
  symlink: 'symbolic link',
  fifo: 'fifo',
  socket: 'socket',
  chardev: 'character device',
  blockdev: 'block device',
};

function requireFile(node: Node | undefined, path: Uint8Array): Node {
  if (node?.type === 'file') return node;
  const hint = node === undefined || node.type === 'directory' ? { hint: 'list it with: neo ls' } : {};
  const target = node?.target === undefined ? '' : ` to ${displayBytes(node.target)}`;
  throw new NeoError(
    'failed',
    `${displayBytes(path)} is a ${WORDS[node?.type ?? 'directory']}${target}, not a file`,
    hint,
  );
}

async function extentsOf(load: LoadBlob, node: Node): Promise<readonly Extent[] | undefined> {
  if (node.extentContent === undefined) return node.extents;
  return decodeExtents(await loadContent(load, node.extentContent));
}

function damaged(path: Uint8Array, what: string): NeoError {
  return new NeoError('integrity', `${displayBytes(path)} is damaged: ${what}`, { hint: 'see: neo check --read-data' });
}
