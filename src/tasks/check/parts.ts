/** Parts of trees and lists one by one, so that a part shared by many directories is read once. */
import { compareBytes } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import { parseJson } from '../../core/json.ts';
import type { Chunk, Content, Node } from '../../snapshot/node.ts';
import { asArray, asCount, asKey, asName, asObject, chunkFromJson, nodeFromJson } from '../../snapshot/node-json.ts';

/** A blob that something refers to. `level`: the one that a part must have; undefined for a root part. */
export type Reference =
  | { readonly kind: 'data'; readonly key: ContentKey }
  | { readonly kind: 'tree' | 'list'; readonly key: ContentKey; readonly level: number | undefined };

export interface Part {
  /** Parts one level below. */
  readonly parts: readonly Reference[];
  /** At level 0, of a tree. */
  readonly nodes: readonly Node[];
  /** At level 0, of a list. */
  readonly chunks: readonly Chunk[];
}

/** @throws NeoError integrity for anything malformed */
export function decodePart(kind: 'tree' | 'list', json: Uint8Array, expected: number | undefined): Part {
  const part = asObject(parseJson(json), 'part');
  const level = asCount(part['l'], 'level', 30);
  if (expected !== undefined && level !== expected) throw new NeoError('integrity', `${kind} part of a wrong level`);
  const entries = asArray(part['e'], 'entries');
  if (level > 0) {
    return { parts: kind === 'tree' ? subtrees(entries, level) : sublists(entries, level), nodes: [], chunks: [] };
  }
  if (kind === 'list') return { parts: [], nodes: [], chunks: entries.map(chunkFromJson) };
  const nodes = entries.map(nodeFromJson);
  inOrder(nodes.map(({ name }) => name));
  return { parts: [], nodes, chunks: [] };
}

function subtrees(entries: readonly unknown[], level: number): Reference[] {
  const members = entries.map((entry) => asObject(entry, 'part'));
  inOrder(members.map((member) => asName(member['n'])));
  return members.map((member) => ({ kind: 'tree', key: asKey(member['k']), level: level - 1 }));
}

function sublists(entries: readonly unknown[], level: number): Reference[] {
  return entries.map((entry) => ({ kind: 'list', key: asKey(asArray(entry, 'part')[0]), level: level - 1 }));
}

function inOrder(names: readonly Uint8Array[]): void {
  for (const [at, name] of names.entries()) {
    const before = names[at - 1];
    if (before !== undefined && compareBytes(before, name) >= 0) {
      throw new NeoError('integrity', 'directory has duplicate or unordered names');
    }
  }
}

/** What a node's content and metadata need; of a directory, its root part first. */
export function referencesOf(node: Node): Reference[] {
  const found: Reference[] = [];
  if (node.tree !== undefined) found.push({ kind: 'tree', key: node.tree, level: undefined });
  for (const content of [node.content, node.xattrContent, node.extentContent])
    found.push(...contentReferences(content));
  return found;
}

function contentReferences(content: Content | undefined): Reference[] {
  if (content === undefined) return [];
  if (content.type === 'slice') return [{ kind: 'data', key: content.bundle }];
  if (content.type === 'list') return [{ kind: 'list', key: content.key, level: undefined }];
  return content.chunks.map(({ key }) => ({ kind: 'data', key }));
}

/**
 * A directory without tree, a file whose chunks do not add up to its size.
 * @throws NeoError integrity
 */
export function checkNode(node: Node): void {
  if ((node.type === 'directory') !== (node.tree !== undefined)) {
    throw new NeoError('integrity', 'directory without a tree, or a tree without directory');
  }
  const { content } = node;
  if (node.type !== 'file' || node.extentContent !== undefined) return;
  const length = node.extents?.reduce((sum, extent) => sum + extent.length, 0) ?? node.size;
  if (content === undefined && length > 0) throw new NeoError('integrity', 'file without its content');
  if (content?.type === 'slice' && content.offset + length > content.bundleLength) {
    throw new NeoError('integrity', 'file reaches beyond its bundle');
  }
  if (content?.type === 'chunks' && content.chunks.reduce((sum, chunk) => sum + chunk.length, 0) !== length) {
    throw new NeoError('integrity', 'chunks of a file do not add up to its size');
  }
}
