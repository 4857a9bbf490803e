/**
 * Trees and contents for a repository with other content secrets: every byte is decrypted, cut as the target cuts, and
 * sealed anew. What is as it was in a snapshot that was copied before is taken from there, and not read again.
 */
import type { Chunker } from '../../chunker/chunker.ts';
import { equalBytes, toBase64 } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import { toLatin1 } from '../../fs/ignore-pattern.ts';
import type { BlobKind } from '../../repo/blob-entry.ts';
import { BlobReader } from '../../repo/blob-reader.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { contentPieces, loadContent, storeBytes } from '../../snapshot/content.ts';
import { decodeExtents } from '../../snapshot/extents.ts';
import { contentIdentity } from '../../snapshot/identity.ts';
import type { Content, Node } from '../../snapshot/node.ts';
import { type LoadBlob, readTree, TreeBuilder } from '../../snapshot/tree.ts';
import { ContentSink } from '../backup/content-sink.ts';
import { ContentCutter, cutterFor } from '../backup/cutter.ts';
import { checkNode } from '../check/parts.ts';

/** The same directory here and there. */
export interface Basis {
  readonly from: ContentKey;
  readonly to: ContentKey;
}

export interface RecodeMeans {
  readonly from: IndexedRepository;
  readonly to: IndexedRepository;
  /** Into the target. */
  readonly save: (kind: BlobKind, plaintext: Uint8Array) => ContentKey;
  /** Waited for now and then: the target has room for more. */
  readonly room: () => Promise<void>;
  readonly onFile: (bytes: number) => void;
  /** @throws NeoError interrupted */
  readonly throwIfStopped: () => void;
}

interface Recoded {
  readonly content: Content;
  readonly contentHash: Uint8Array;
}

interface Pair {
  readonly from: Node;
  readonly to: Node;
}

/** Plaintexts of bundles: neighbours lie in the same ones. */
const BUNDLES_HELD = 64;

export class Recoder {
  readonly #means: RecodeMeans;
  readonly #load: LoadBlob;
  readonly #loadTarget: LoadBlob;
  readonly #chunker: Chunker;
  /** Directories, by their key here in base64. */
  readonly #trees = new Map<string, ContentKey>();
  /** Contents that are no slices, by their hash here in base64. */
  readonly #contents = new Map<string, Recoded>();
  /** By key here in base64; the one that was used last is the last. */
  readonly #bundles = new Map<string, { readonly key: ContentKey; readonly bytes: Uint8Array }>();

  constructor(means: RecodeMeans) {
    const { from, to } = means;
    const [reader, target] = [new BlobReader(from), new BlobReader(to)];
    this.#means = means;
    this.#load = (kind, key) => reader.load(kind, key);
    this.#loadTarget = (kind, key) => target.load(kind, key);
    this.#chunker = cutterFor(to.engine, to.keys.chunker, to.config.chunker);
  }

  /** The key there. @throws NeoError integrity for what cannot be read here; no-space, unreachable, interrupted */
  async tree(key: ContentKey, basis: Basis | undefined): Promise<ContentKey> {
    if (basis !== undefined && equalBytes(basis.from, key)) return basis.to;
    const known = this.#trees.get(toBase64(key));
    if (known !== undefined) return known;
    const pairs = basis === undefined ? new Map<string, Pair>() : await this.#pairs(basis);
    const builder = new TreeBuilder(
      (kind, json) => this.#means.save(kind, json),
      (bytes) => this.#means.to.engine.blake3(bytes),
    );
    for await (const node of readTree(this.#load, key)) {
      this.#means.throwIfStopped();
      builder.add(await this.#node(node, pairs.get(toLatin1(node.name))));
    }
    const made = builder.finish();
    await this.#means.room();
    this.#trees.set(toBase64(key), made);
    return made;
  }

  async #pairs({ from, to }: Basis): Promise<Map<string, Pair>> {
    const theirs = new Map<string, Node>();
    for await (const node of readTree(this.#loadTarget, to)) theirs.set(toLatin1(node.name), node);
    const pairs = new Map<string, Pair>();
    for await (const node of readTree(this.#load, from)) {
      const other = theirs.get(toLatin1(node.name));
      if (other?.type === node.type) pairs.set(toLatin1(node.name), { from: node, to: other });
    }
    return pairs;
  }

  /** @throws NeoError integrity for what no honest client writes: there it would be damage */
  async #node(node: Node, pair: Pair | undefined): Promise<Node> {
    checkNode(node);
    if (node.type !== 'file' && (node.content !== undefined || node.extentContent !== undefined)) {
      throw new NeoError('integrity', 'a content of what is no file');
    }
    const { xattrContent, extentContent, tree } = node;
    const attributes = xattrContent && (await this.#metadata(xattrContent));
    const extents = extentContent && (await this.#metadata(extentContent));
    const recoded = await this.#content(node, pair);
    return {
      ...node,
      ...(attributes === undefined ? {} : { xattrContent: attributes }),
      ...(extents === undefined ? {} : { extentContent: extents }),
      ...recoded,
      ...(tree === undefined ? {} : { tree: await this.tree(tree, basisOf(pair)) }),
    };
  }

  async #content(node: Node, pair: Pair | undefined): Promise<Recoded | undefined> {
    const { content } = node;
    if (node.type !== 'file' || content === undefined) return undefined;
    if (pair !== undefined && isSameContent(pair.from, node) && pair.to.content !== undefined && pair.to.contentHash) {
      return { content: pair.to.content, contentHash: pair.to.contentHash };
    }
    const recoded = content.type === 'slice' ? await this.#slice(node, content) : await this.#chunked(node, content);
    this.#means.onFile(node.size);
    return recoded;
  }

  async #slice(node: Node, content: Extract<Content, { type: 'slice' }>): Promise<Recoded> {
    const bundle = await this.#bundle(content.bundle);
    const end = content.offset + (await this.#lengthOf(node));
    if (end > bundle.bytes.length) throw new NeoError('integrity', 'a file lies beyond the end of its bundle');
    const bytes = bundle.bytes.subarray(content.offset, end);
    this.#verify(node, this.#means.from.engine.blake3(bytes, this.#means.from.keys.content.file));
    return {
      content: { ...content, bundle: bundle.key },
      contentHash: this.#means.to.engine.blake3(bytes, this.#means.to.keys.content.file),
    };
  }

  async #bundle(key: ContentKey): Promise<{ readonly key: ContentKey; readonly bytes: Uint8Array }> {
    const name = toBase64(key);
    const known = this.#bundles.get(name);
    this.#bundles.delete(name);
    const bytes = known?.bytes ?? Uint8Array.from(await this.#load('data', key));
    const bundle = known ?? { key: this.#means.save('data', bytes), bytes };
    this.#bundles.set(name, bundle);
    for (const oldest of this.#bundles.keys()) {
      if (this.#bundles.size <= BUNDLES_HELD) break;
      this.#bundles.delete(oldest);
    }
    if (known === undefined) await this.#means.room();
    return bundle;
  }

  async #chunked(node: Node, content: Content): Promise<Recoded> {
    const identity = node.contentHash === undefined ? undefined : toBase64(node.contentHash);
    const known = identity === undefined ? undefined : this.#contents.get(identity);
    if (known !== undefined) return known;
    const { from, to, save, room } = this.#means;
    const hasher = to.engine.blake3Hasher(to.keys.content.file);
    const own = from.engine.blake3Hasher(from.keys.content.file);
    const cutter = new ContentCutter(
      this.#chunker,
      new ContentSink({ save, hasher, queue: undefined, stopped: () => false }),
    );
    for await (const piece of contentPieces(this.#load, content, await this.#lengthOf(node))) {
      this.#means.throwIfStopped();
      const blob = await this.#load('data', piece.key);
      if (blob.length !== piece.length)
        throw new NeoError('integrity', 'a chunk has another length than its file says');
      const bytes = blob.subarray(piece.from, piece.to);
      own.update(bytes);
      await cutter.push(bytes, room);
    }
    this.#verify(node, own.digest());
    const { content: made, hash } = cutter.finish();
    if (made === undefined || hash === undefined) throw new NeoError('integrity', 'a content without bytes');
    const recoded = { content: made, contentHash: hash };
    if (identity !== undefined) this.#contents.set(identity, recoded);
    return recoded;
  }

  #verify({ contentHash }: Node, hash: Uint8Array): void {
    if (contentHash === undefined || equalBytes(contentHash, hash)) return;
    throw new NeoError('integrity', 'the bytes of a file are not those that were saved');
  }

  /** Bytes outside its holes. */
  async #lengthOf({ extents, extentContent, size }: Node): Promise<number> {
    const all = extentContent === undefined ? extents : decodeExtents(await loadContent(this.#load, extentContent));
    return all?.reduce((sum, { length }) => sum + length, 0) ?? size;
  }

  async #metadata(content: Content): Promise<Content | undefined> {
    const bytes = await loadContent(this.#load, content);
    const { save, to } = this.#means;
    return storeBytes(save, bytes, to.config.chunker.max);
  }
}

function basisOf(pair: Pair | undefined): Basis | undefined {
  const [from, to] = [pair?.from.tree, pair?.to.tree];
  return from === undefined || to === undefined ? undefined : { from, to };
}

function isSameContent(a: Node, b: Node): boolean {
  return a.contentHash !== undefined && contentIdentity(a) === contentIdentity(b);
}
