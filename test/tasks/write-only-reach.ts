/** Everything that can be worked out of some secrets and a whole repository, and what it opens. */
import { fromBase64, toHex } from '../../src/core/bytes.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { blobId, type ContentKey, contentKey } from '../../src/core/ids.ts';
import { openBlob, openObject } from '../../src/engine/aead.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { blobIdOf, deriveKey } from '../../src/engine/keys.ts';
import { BLOB_KINDS, type BlobKind } from '../../src/repo/blob-entry.ts';
import { KINDS } from '../../src/repo/header.ts';
import { readSegments } from '../../src/repo/indexed.ts';
import { packPath } from '../../src/repo/pack/pack.ts';
import type { Repository } from '../../src/repo/repository.ts';
import { listHeads } from '../../src/snapshot/listing.ts';
import type { TreeCache } from '../../src/snapshot/tree-cache.ts';

/** By their hex, so that each is tried once. */
export type Keys = Map<string, Uint8Array>;

const LABELS = [
  ...['data', 'tree', 'list', 'file'].map((kind) => `content.${kind}`),
  ...['chunker', 'chunker.gear', 'chunker.sip', 'index', 'snapshot.body', 'tree-cache', 'slot.check', 'root'],
  ...Object.keys(KINDS).map((kind) => `seal.${kind}`),
];
const CONTEXTS = [
  'neo/v1 slot commitment',
  'neo/v1 slot key',
  'neo/v1 key file',
  'neo/v1 aes-256-gcm',
  'neo/v1 chacha20-poly1305',
];

/** Every 32-byte value that stands as base64url or hex in a text. */
export function keysInText(text: string): Uint8Array[] {
  const keys: Uint8Array[] = [];
  for (const [word] of text.matchAll(/[A-Za-z0-9_-]{43,}/g)) {
    try {
      const bytes = fromBase64(word);
      for (let at = 0; at + 32 <= bytes.length; at += bytes.length === 32 ? 1 : 8) keys.push(bytes.slice(at, at + 32));
    } catch (error) {
      if (!isNeoError(error)) throw error;
    }
  }
  for (const [word] of text.matchAll(/[0-9a-f]{64}/g)) keys.push(Buffer.from(word, 'hex'));
  return keys;
}

/** The seeds, all that derives from them with any label, and the hashes of them. */
export function derivable(engine: Engine, seeds: readonly Uint8Array[]): Keys {
  const keys: Keys = new Map();
  const add = (key: Uint8Array): void => void keys.set(toHex(key), key);
  for (const seed of seeds) {
    add(seed);
    add(engine.blake3(seed));
    add(engine.signPublicKey(seed));
    for (const label of LABELS) add(deriveKey(engine, seed, label));
    for (const context of CONTEXTS) add(engine.blake3Derive(context, seed));
  }
  return keys;
}

/** All tree and list parts in a client's cache, as text. */
export async function textOfCache(cache: TreeCache, root: ContentKey): Promise<string> {
  const seen = new Set<string>();
  const texts: string[] = [];
  const visit = async (key: Uint8Array): Promise<void> => {
    if (seen.has(toHex(key))) return;
    seen.add(toHex(key));
    const json = await cache.load('tree', contentKey(key)).catch(() => undefined);
    if (json === undefined) return;
    const text = Buffer.from(json).toString();
    texts.push(text);
    for (const inner of keysInText(text)) await visit(inner);
  };
  await visit(root);
  return [toHex(root), ...texts].join('\n');
}

export interface StoredBlob {
  readonly id: string;
  readonly kind: BlobKind;
  readonly sealed: Uint8Array;
}

/** Every sealed blob in the repository, and every 32-byte value that its index tells. */
export async function storedBlobs(repository: Repository): Promise<{ blobs: StoredBlob[]; told: Uint8Array[] }> {
  const blobs: StoredBlob[] = [];
  const told: Uint8Array[] = [];
  for (const { segment } of (await readSegments(repository)).segments) {
    for (const { name, entries } of segment.packs) {
      told.push(Buffer.from(name, 'hex'));
      const pack = await repository.backend.get(packPath(name));
      if (pack === undefined) throw new Error('a pack is missing');
      for (const { id, kind, offset, length, hash } of entries) {
        told.push(id, hash);
        blobs.push({ id: toHex(id), kind, sealed: pack.subarray(offset, offset + length) });
      }
    }
  }
  return { blobs, told };
}

function opens(open: () => Uint8Array): boolean {
  try {
    open();
    return true;
  } catch (error) {
    if (isNeoError(error, 'integrity') || error instanceof RangeError || error instanceof TypeError) return false;
    throw error;
  }
}

/** Ids of the blobs that some key opens: as content key of any kind, or as the key of the cipher itself. */
export function openedBlobs(engine: Engine, blobs: readonly StoredBlob[], keys: Keys): Set<string> {
  const opened = new Set<string>();
  const byId = new Map(blobs.map((blob) => [blob.id, blob]));
  for (const key of keys.values()) {
    const known = byId.get(toHex(blobIdOf(engine, contentKey(key))));
    if (known !== undefined && opens(() => openBlob(engine, BLOB_KINDS[known.kind], contentKey(key), known.sealed))) {
      opened.add(known.id);
    }
    for (const { id, kind, sealed } of blobs) {
      const aad = Buffer.concat([sealed.subarray(0, 1), Uint8Array.of(BLOB_KINDS[kind]), Buffer.from(id, 'hex')]);
      const suite = sealed[0] === 1 ? 'aes-256-gcm' : 'chacha20-poly1305';
      if (opens(() => engine.open(suite, key, sealed.subarray(1, 13), sealed.subarray(13), aad))) opened.add(id);
    }
  }
  return opened;
}

/** Names of snapshots that some key opens: as key of the body, as shared secret, as private half of the sealing pair. */
export async function openedSnapshots(repository: Repository, keys: Keys, seeds: Keys): Promise<Set<string>> {
  const { engine } = repository;
  const opened = new Set<string>();
  for (const { name, sealed } of (await listHeads(repository)).heads) {
    const shared = [
      ...keys.values(),
      ...[...seeds.values()].map((s) => engine.kemDecapsulate(s, sealed.kemCiphertext)),
    ];
    for (const key of shared) {
      for (const bodyKey of [key, deriveKey(engine, key, 'snapshot.body')]) {
        if (opens(() => openObject(engine, bodyKey, sealed.sealed, sealed.aad))) opened.add(name);
      }
    }
  }
  return opened;
}

export function idsIn(engine: Engine, keys: readonly Uint8Array[]): Set<string> {
  return new Set(keys.map((key) => toHex(blobId(blobIdOf(engine, contentKey(key))))));
}
