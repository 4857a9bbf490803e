/**
 * Snapshots that this client has verified and opened before, in its state folder: with thousands of them, signatures and
 * seals cost more than everything else that a listing does. An object's name gives its bytes, so what is here of a name
 * is right for ever; that it is still in storage is seen there. Sealed to a key that only role full has.
 */
import { ByteReader, ByteWriter, fromHex, toHex, utf8 } from '../core/bytes.ts';
import { isNeoError } from '../core/errors.ts';
import { type ObjectName, objectName } from '../core/ids.ts';
import { openObject, sealObject } from '../engine/aead.ts';
import { deriveKey } from '../engine/keys.ts';
import type { ClientState } from '../repo/client-state.ts';
import type { Repository } from '../repo/repository.ts';
import { decodeVerified, type SealedSnapshot, type SnapshotHead } from './snapshot.ts';

interface CachedHead {
  readonly name: ObjectName;
  readonly head: SnapshotHead;
  readonly sealed: SealedSnapshot;
  readonly object: Uint8Array;
}

interface Entry {
  readonly object: Uint8Array;
  /** JSON. */
  readonly body: Uint8Array;
}

const VERSION = 1;
/** So many may have to be opened again: a whole file is not written for each new snapshot. */
const FEW = 16;
/** Where each is a way over a network: of those that are there. */
const FEW_PART = 1 / 16;

export class SnapshotCache {
  readonly #repository: Repository;
  readonly #state: ClientState;
  readonly #entries: Map<ObjectName, Entry>;
  #added = 0;

  private constructor(repository: Repository, state: ClientState, entries: Map<ObjectName, Entry>) {
    this.#repository = repository;
    this.#state = state;
    this.#entries = entries;
  }

  /** Undefined for a client that cannot read snapshots. A cache that is damaged is an empty one. */
  static async load(repository: Repository, state: ClientState): Promise<SnapshotCache | undefined> {
    const key = keyOf(repository);
    if (key === undefined) return undefined;
    const entries = new Map<ObjectName, Entry>();
    try {
      const sealed = await state.read(fileName(repository));
      if (sealed !== undefined) readEntries(openObject(repository.engine, key, sealed, aadOf(repository)), entries);
    } catch {
      // Of another version, cut short, or not to be read: it costs time alone.
      entries.clear();
    }
    return new SnapshotCache(repository, state, entries);
  }

  head(name: ObjectName): CachedHead | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    try {
      const sealed = decodeVerified(this.#repository, entry.object);
      return { name, head: sealed.head, sealed, object: entry.object };
    } catch (error) {
      if (isNeoError(error)) return undefined;
      throw error;
    }
  }

  body(name: ObjectName): Uint8Array | undefined {
    return this.#entries.get(name)?.body;
  }

  /** What was verified and opened. */
  add(name: ObjectName, object: Uint8Array, body: Uint8Array): void {
    this.#entries.set(name, { object, body });
    this.#added += 1;
  }

  get #few(): number {
    if (this.#repository.backend.isRemote !== true) return FEW;
    return Math.min(FEW, Math.max(1, this.#entries.size * FEW_PART));
  }

  /** For the next time. `there`: what is in storage; all else is forgotten. A failure costs time alone. */
  async save(there: Iterable<ObjectName>): Promise<void> {
    const key = keyOf(this.#repository);
    if (this.#added < this.#few || key === undefined) return;
    this.#added = 0;
    const kept = [...there].flatMap((name) => {
      const entry = this.#entries.get(name);
      return entry === undefined ? [] : [{ name, ...entry }];
    });
    const writer = new ByteWriter(kept.reduce((sum, { object, body }) => sum + object.length + body.length + 40, 8));
    writer.u32(VERSION).u32(kept.length);
    for (const { name, object, body } of kept) {
      writer.bytes(fromHex(name)).u32(object.length).bytes(object).u32(body.length).bytes(body);
    }
    const { engine, random } = this.#repository;
    const sealed = sealObject(engine, key, writer.finish(), aadOf(this.#repository), random);
    await this.#state.write(fileName(this.#repository), sealed).catch(() => undefined);
  }
}

/** @throws NeoError integrity when it is cut short */
function readEntries(bytes: Uint8Array, entries: Map<ObjectName, Entry>): void {
  const reader = new ByteReader(bytes);
  if (reader.u32() !== VERSION) return;
  for (let left = reader.u32(); left > 0; left--) {
    const name = objectName(toHex(reader.bytes(32)));
    entries.set(name, { object: reader.bytes(reader.u32()), body: reader.bytes(reader.u32()) });
  }
}

function keyOf({ engine, keys: { full } }: Repository): Uint8Array | undefined {
  return full === undefined ? undefined : deriveKey(engine, full.root, 'cache.snapshots');
}

function aadOf({ id }: Repository): Uint8Array {
  return utf8(`snapshot cache ${id}`);
}

function fileName({ id }: Repository): string {
  return `snapshots.${id}`;
}
