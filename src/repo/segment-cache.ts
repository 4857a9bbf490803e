/**
 * Index segments that this client has verified and opened before, in its state folder: a repository of a thousand
 * snapshots has a thousand small ones, and to read, hash and verify each costs more than a command that needs a single
 * file. An object's name gives its bytes, so what is here of a name is right for ever; that it is still in storage, the
 * listing says. What looks for damage reads past it. Sealed to a key that only role full has.
 */
import { ByteReader, ByteWriter, copyOf, fromHex, toHex, utf8 } from '../core/bytes.ts';
import { type ObjectName, objectName } from '../core/ids.ts';
import { openObject, sealObject } from '../engine/aead.ts';
import { deriveKey } from '../engine/keys.ts';
import type { ClientState } from './client-state.ts';
import type { Repository } from './repository.ts';

interface OpenedSegment {
  /** Encoded. */
  readonly certificate: Uint8Array;
  readonly body: Uint8Array;
}

const VERSION = 1;
/** So many may have to be read again: a whole file is not written for each new segment. */
const FEW = 16;
/** Where each is a way over a network: of those that are there. */
const FEW_PART = 1 / 16;
/** Of one: larger ones are few, and cost no more than their bytes. */
const LARGEST_BODY = 1 << 20;
/** Of all. */
const LARGEST_CACHE = 64 << 20;
const OVERHEAD = 32 + 2 + 4;

export class SegmentCache {
  readonly #repository: Repository;
  readonly #state: ClientState;
  readonly #key: Uint8Array;
  readonly #known: Map<ObjectName, OpenedSegment>;
  #added = 0;

  private constructor(
    repository: Repository,
    state: ClientState,
    key: Uint8Array,
    known: Map<ObjectName, OpenedSegment>,
  ) {
    this.#repository = repository;
    this.#state = state;
    this.#key = key;
    this.#known = known;
  }

  /** Undefined for a client of another role. A cache that is damaged is an empty one. */
  static async load(repository: Repository, state: ClientState): Promise<SegmentCache | undefined> {
    const { engine, keys } = repository;
    if (keys.full === undefined) return undefined;
    const key = deriveKey(engine, keys.full.root, 'cache.index');
    const known = new Map<ObjectName, OpenedSegment>();
    try {
      const sealed = await state.read(fileName(repository));
      if (sealed !== undefined) readInto(known, openObject(engine, key, sealed, aadOf(repository)));
    } catch {
      // Of another version, cut short, or not to be read: it costs time alone.
      known.clear();
    }
    return new SegmentCache(repository, state, key, known);
  }

  get(name: ObjectName): OpenedSegment | undefined {
    return this.#known.get(name);
  }

  /** What was verified and opened; it is copied. */
  add(name: ObjectName, { certificate, body }: OpenedSegment): void {
    if (body.length > LARGEST_BODY) return;
    this.#known.set(name, { certificate: copyOf(certificate), body: copyOf(body) });
    this.#added += 1;
  }

  get #few(): number {
    if (this.#repository.backend.isRemote !== true) return FEW;
    return Math.min(FEW, Math.max(1, this.#known.size * FEW_PART));
  }

  /** For the next time. `there`: what is in storage; all else is forgotten. A failure costs time alone. */
  async save(there: ReadonlySet<ObjectName>): Promise<void> {
    const gone = [...this.#known.keys()].filter((name) => !there.has(name)).length;
    if (this.#added < this.#few && gone <= this.#known.size / 2) return;
    this.#added = 0;
    const kept: [ObjectName, OpenedSegment][] = [];
    let bytes = 8;
    for (const [name, opened] of this.#known) {
      const size = OVERHEAD + opened.certificate.length + opened.body.length;
      if (!there.has(name) || bytes + size > LARGEST_CACHE) continue;
      bytes += size;
      kept.push([name, opened]);
    }
    const writer = new ByteWriter(bytes).u32(VERSION).u32(kept.length);
    for (const [name, { certificate, body }] of kept) {
      writer.bytes(fromHex(name)).u16(certificate.length).bytes(certificate).u32(body.length).bytes(body);
    }
    const { engine, random } = this.#repository;
    const sealed = sealObject(engine, this.#key, writer.finish(), aadOf(this.#repository), random);
    await this.#state.write(fileName(this.#repository), sealed).catch(() => undefined);
  }
}

/** @throws NeoError integrity when it is cut short */
function readInto(known: Map<ObjectName, OpenedSegment>, bytes: Uint8Array): void {
  const reader = new ByteReader(bytes);
  if (reader.u32() !== VERSION) return;
  for (let left = reader.u32(); left > 0; left--) {
    const name = objectName(toHex(reader.bytes(32)));
    known.set(name, { certificate: reader.bytes(reader.u16()), body: reader.bytes(reader.u32()) });
  }
}

function aadOf({ id }: Repository): Uint8Array {
  return utf8(`index cache ${id}`);
}

function fileName({ id }: Repository): string {
  return `index.${id}`;
}
