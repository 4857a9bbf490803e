/**
 * When this client last read each pack and found it right: so that a check each night reads a little, and in a month has
 * read everything. A file in the client's state; without it everything is due.
 */
import { ByteReader, ByteWriter, equalBytes, fromHex, toHex } from '../../core/bytes.ts';
import { type ObjectName, objectName } from '../../core/ids.ts';
import { deriveKey } from '../../engine/keys.ts';
import type { ClientState } from '../../repo/client-state.ts';
import type { Repository } from '../../repo/repository.ts';

const VERSION = 1;
const HASH_LENGTH = 32;

export class LastRead {
  readonly #repository: Repository;
  readonly #state: ClientState;
  /** Milliseconds by this machine's clock. */
  readonly #times: Map<ObjectName, number>;
  #changed = false;

  private constructor(repository: Repository, state: ClientState, times: Map<ObjectName, number>) {
    this.#repository = repository;
    this.#state = state;
    this.#times = times;
  }

  /** One that is damaged, or of another version, is an empty one: it costs time alone. */
  static async load(repository: Repository, state: ClientState): Promise<LastRead> {
    const times = new Map<ObjectName, number>();
    try {
      const bytes = await state.read(fileName(repository));
      if (bytes !== undefined) readInto(times, verified(repository, bytes));
    } catch {
      times.clear();
    }
    return new LastRead(repository, state, times);
  }

  /** 0: never. A time that is still to come is none: some clock was wrong. */
  at(name: ObjectName): number {
    const time = this.#times.get(name) ?? 0;
    return time > this.#repository.clock.now() ? 0 : time;
  }

  judged(name: ObjectName, isRight: boolean): void {
    if (isRight) this.#times.set(name, this.#repository.clock.now());
    else this.#times.delete(name);
    this.#changed = true;
  }

  /** Of packs that are there; all else is forgotten. A failure costs time alone. */
  async save(there: ReadonlySet<ObjectName>): Promise<void> {
    if (!this.#changed) return;
    const kept = [...this.#times].filter(([name]) => there.has(name));
    const writer = new ByteWriter(8 + kept.length * 40).u32(VERSION).u32(kept.length);
    for (const [name, time] of kept) writer.bytes(fromHex(name)).u64(time);
    const body = writer.finish();
    const file = new ByteWriter(body.length + HASH_LENGTH).bytes(hashOf(this.#repository, body)).bytes(body).finish();
    await this.#state.write(fileName(this.#repository), file).catch(() => undefined);
    this.#changed = false;
  }
}

/** Keyed: whoever can write here, and has no key, cannot say that something was read. */
function hashOf({ engine, keys }: Repository, body: Uint8Array): Uint8Array {
  return engine.blake3(body, deriveKey(engine, keys.index, 'state.read'));
}

/** @throws when it is not what was written */
function verified(repository: Repository, bytes: Uint8Array): Uint8Array {
  const reader = new ByteReader(bytes);
  const hash = reader.bytes(HASH_LENGTH);
  const body = reader.bytes(reader.remaining);
  if (!equalBytes(hash, hashOf(repository, body))) throw new Error('not what was written');
  return body;
}

/** @throws NeoError integrity when it is cut short */
function readInto(times: Map<ObjectName, number>, body: Uint8Array): void {
  const reader = new ByteReader(body);
  if (reader.u32() !== VERSION) return;
  for (let left = reader.u32(); left > 0; left--) times.set(objectName(toHex(reader.bytes(32))), reader.u64());
}

function fileName({ id }: Repository): string {
  return `read.${id}`;
}
