/** References of a part as bytes: 66 each, kind u8 ‖ level u8 (plus one; 0: any) ‖ content key ‖ blob id. */
import { type BlobId, blobId, contentKey } from '../../core/ids.ts';
import type { Engine } from '../../engine/engine.ts';
import { blobIdOf } from '../../engine/keys.ts';
import { BLOB_KINDS } from '../../repo/blob-entry.ts';
import type { Part, Reference } from './parts.ts';
import { referencesOf } from './parts.ts';

const LENGTH = 2 + 32 + 32;

export interface Identified {
  readonly reference: Reference;
  readonly id: BlobId;
}

export function* referencesIn({ parts, chunks, nodes }: Part): Generator<Reference> {
  yield* parts;
  for (const { key } of chunks) yield { kind: 'data', key };
  for (const node of nodes) yield* referencesOf(node);
}

/** Without those equal to the one before: most files of a directory lie in the same few bundles. */
export function encodeReferences(engine: Engine, part: Part): Uint8Array {
  const distinct: Reference[] = [];
  for (const reference of referencesIn(part)) {
    const before = distinct.at(-1);
    if (before === undefined || !isSame(before, reference)) distinct.push(reference);
  }
  const bytes = new Uint8Array(distinct.length * LENGTH);
  for (const [n, reference] of distinct.entries()) {
    const at = n * LENGTH;
    bytes[at] = BLOB_KINDS[reference.kind];
    bytes[at + 1] = reference.kind === 'data' || reference.level === undefined ? 0 : reference.level + 1;
    bytes.set(reference.key, at + 2);
    bytes.set(blobIdOf(engine, reference.key), at + 34);
  }
  return bytes;
}

function isSame(a: Reference, b: Reference): boolean {
  if (a.kind !== b.kind || (a.kind !== 'data' && b.kind !== 'data' && a.level !== b.level)) return false;
  for (let i = 0; i < 32; i++) if (a.key[i] !== b.key[i]) return false;
  return true;
}

export function* decodeReferences(bytes: Uint8Array): Generator<Identified> {
  for (let at = 0; at < bytes.length; at += LENGTH) {
    const key = contentKey(bytes.subarray(at + 2, at + 34));
    const id = blobId(bytes.subarray(at + 34, at + 66));
    const level = bytes[at + 1] === 0 ? undefined : (bytes[at + 1] ?? 0) - 1;
    if (bytes[at] === BLOB_KINDS.data) yield { reference: { kind: 'data', key }, id };
    else yield { reference: { kind: bytes[at] === BLOB_KINDS.tree ? 'tree' : 'list', key, level }, id };
  }
}
