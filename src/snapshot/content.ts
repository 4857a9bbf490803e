/** Contents of files: inline chunks up to 64, chunk lists above. */
import { NeoError } from '../core/errors.ts';
import type { ContentKey } from '../core/ids.ts';
import type { JsonWriter } from '../core/json-writer.ts';
import type { Chunk, Content } from './node.ts';
import { chunkFromJson } from './node-json.ts';
import { type PartEntry, PartsBuilder } from './parts.ts';
import { type LoadBlob, readParts, type SaveBlob } from './tree.ts';

export const INLINE_CHUNKS = 64;

/** Metadata too large for its node. @param piece plain bytes of a blob, at most */
export function storeBytes(
  save: (kind: 'data' | 'list', bytes: Uint8Array) => ContentKey,
  bytes: Uint8Array,
  piece: number,
): Content | undefined {
  const chunks: Chunk[] = [];
  for (let at = 0; at < bytes.length; at += piece) {
    const part = bytes.subarray(at, at + piece);
    chunks.push({ key: save('data', part), length: part.length });
  }
  return contentOf((_, json) => save('list', json), chunks);
}

/** What covers the chunks in order. Undefined for none: an empty file. */
export function contentOf(save: SaveBlob, chunks: readonly Chunk[]): Content | undefined {
  if (chunks.length === 0) return undefined;
  if (chunks.length <= INLINE_CHUNKS) return { type: 'chunks', chunks };
  const builder = new ChunkListBuilder(save);
  for (const chunk of chunks) builder.add(chunk);
  return builder.finish();
}

/** `weight`: plain bytes that it covers. */
interface ListEntry extends PartEntry {
  readonly key: ContentKey;
  /** Of a part of the list. */
  readonly isPart: boolean;
}

/** For lists too long to be held: chunks go in one after the other. */
export class ChunkListBuilder {
  readonly #parts: PartsBuilder<ListEntry>;

  constructor(save: SaveBlob) {
    this.#parts = new PartsBuilder<ListEntry>({
      save: (json) => save('list', json),
      write: writeEntry,
      parent: (key, { boundary }, weight) => ({ key, boundary, weight, isPart: true }),
    });
  }

  add({ key, length }: Chunk): void {
    this.#parts.add({ key, boundary: key, weight: length, isPart: false });
  }

  finish(): Content {
    return { type: 'list', key: this.#parts.finish() };
  }
}

function writeEntry(out: JsonWriter, { key, weight, boundary, isPart }: ListEntry): void {
  out.ascii('[');
  out.base64(key);
  out.ascii(',');
  out.integer(weight);
  if (isPart) {
    out.ascii(',');
    out.base64(boundary);
  }
  out.ascii(']');
}

/** The data blobs that hold a content, in order, with the part of each that belongs to it. */
export interface Piece extends Chunk {
  /** Within the blob. */
  readonly from: number;
  readonly to: number;
}

/** The pieces of a content that stands in its node; undefined for a list. @param length as for contentPieces */
export function inlinePieces(content: Content | undefined, length: number): Piece[] | undefined {
  switch (content?.type) {
    case undefined:
      return [];
    case 'list':
      return undefined;
    case 'chunks':
      return content.chunks.map((chunk) => ({ key: chunk.key, length: chunk.length, from: 0, to: chunk.length }));
    case 'slice': {
      const to = content.offset + length;
      if (to > content.bundleLength) throw new NeoError('integrity', 'file reaches beyond its bundle');
      return [{ key: content.bundle, length: content.bundleLength, from: content.offset, to }];
    }
  }
}

/** @param length plain bytes of the content: what a slice covers */
export async function* contentPieces(
  load: LoadBlob,
  content: Content | undefined,
  length: number,
): AsyncGenerator<Piece> {
  if (content?.type !== 'list') {
    yield* inlinePieces(content, length) ?? [];
    return;
  }
  for await (const entry of readParts(load, 'list', content.key)) {
    const chunk = chunkFromJson(entry);
    yield { ...chunk, from: 0, to: chunk.length };
  }
}

/** A whole content in memory; for small ones (attributes, sparse maps). @throws NeoError integrity, above `limit` too */
export async function loadContent(load: LoadBlob, content: Content, limit = 64 << 20): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let total = 0;
  if (content.type === 'slice') throw new NeoError('integrity', 'metadata is never bundled');
  for await (const piece of contentPieces(load, content, 0)) {
    total += piece.to - piece.from;
    if (total > limit) throw new NeoError('integrity', 'metadata is too large');
    const blob = await load('data', piece.key);
    if (blob.length !== piece.length) throw new NeoError('integrity', 'chunk has another length than its list says');
    parts.push(blob.subarray(piece.from, piece.to));
  }
  return Buffer.concat(parts);
}
