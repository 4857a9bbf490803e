/**
 * What the last snapshot saw of each directory, kept by the client: names, a row of numbers for each, and the tree that
 * was made of them. A directory that looks the same in all that lies below it keeps its tree, without a look into the
 * repository. Sealed with a key of the client's own; a lost or foreign cache costs time.
 */
import { ByteReader, ByteWriter, concatBytes, utf8 } from '../../core/bytes.ts';
import { isNeoError } from '../../core/errors.ts';
import { type ContentKey, contentKey } from '../../core/ids.ts';
import type { Random } from '../../core/random.ts';
import { openObject, sealObject } from '../../engine/aead.ts';
import type { Engine } from '../../engine/engine.ts';
import { deriveKey } from '../../engine/keys.ts';

export interface UsedBundle {
  readonly key: ContentKey;
  readonly length: number;
}

export interface FilesCache {
  /** The snapshot's root: the cache is good beside a parent with the same. */
  readonly root: ContentKey;
  /** Everything that decides what is saved, beyond the files themselves. */
  readonly settings: string;
  /** Users and groups in it, numbers and names, as JSON. */
  readonly owners: string;
  /** First 8 bytes of the names of all packs that the repository had. */
  readonly packs: ReadonlySet<string>;
  readonly bundles: readonly UsedBundle[];
  /** Of {@link KnownBlocks}, one behind the other. What they hold lies there as it does in memory: a cache never leaves its machine. */
  readonly blocks: Uint8Array;
}

const VERSION = 4;
const AAD = utf8('neo/v1 files cache');
const PACK_PREFIX = 8;

function keyOf(engine: Engine, secret: Uint8Array): Uint8Array {
  return deriveKey(engine, secret, 'files-cache');
}

export function packPrefix(name: string): string {
  return name.slice(0, 2 * PACK_PREFIX);
}

export function encodeFilesCache(engine: Engine, secret: Uint8Array, random: Random, cache: FilesCache): Uint8Array {
  const [settings, owners] = [utf8(cache.settings), utf8(cache.owners)];
  const writer = new ByteWriter().u8(VERSION).bytes(cache.root).u32(settings.length).bytes(settings);
  writer.u32(owners.length).bytes(owners);
  writer.u32(cache.packs.size);
  for (const prefix of cache.packs) writer.bytes(Buffer.from(prefix, 'hex'));
  writer.u32(cache.bundles.length);
  for (const { key, length } of cache.bundles) writer.bytes(key).u32(length);
  const body = concatBytes(writer.finish(), cache.blocks);
  return sealObject(engine, keyOf(engine, secret), body, AAD, random);
}

/** Undefined for anything that is not a whole cache of this client. */
export function decodeFilesCache(engine: Engine, secret: Uint8Array, sealed: Uint8Array): FilesCache | undefined {
  try {
    const reader = new ByteReader(openObject(engine, keyOf(engine, secret), sealed, AAD));
    if (reader.u8() !== VERSION) return undefined;
    const root = contentKey(reader.bytes(32));
    const settings = Buffer.from(reader.bytes(reader.u32())).toString();
    const owners = Buffer.from(reader.bytes(reader.u32())).toString();
    const packs = new Set<string>();
    for (let left = reader.u32(); left > 0; left--) packs.add(Buffer.from(reader.bytes(PACK_PREFIX)).toString('hex'));
    const bundles: UsedBundle[] = [];
    for (let left = reader.u32(); left > 0; left--) {
      bundles.push({ key: contentKey(reader.bytes(32)), length: reader.u32() });
    }
    return { root, settings, owners, packs, bundles, blocks: reader.bytes(reader.remaining) };
  } catch (error) {
    if (isNeoError(error, 'integrity')) return undefined;
    throw error;
  }
}
