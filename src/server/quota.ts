/**
 * The storage of one target that counts, exactly, what it holds, into the meter of the account that pays for it.
 *
 * Counts are in memory, for one process owns the data. Before the first change of a target its row is marked as open, durably, and the counts go
 * there when it is closed: one that is found open was not closed, and is counted anew from what lies in the storage.
 *
 * Exact, because objects become visible one at a time for each path: a put waits for its path at the end of its bytes, looks whether the object is
 * there, and only then lets the storage publish it. So a slow sender holds nobody up, neither who puts or removes the same nor a recount.
 */
import type { ByteRange, ObjectInfo, OpenObject, ServedBackend } from '../backends/backend.ts';
import { NeoError } from '../core/errors.ts';
import { NOBODY, type Origin, type Told } from './changes.ts';
import type { Counts, Meter, Reservation } from './meter.ts';
import { Gate, Turns } from './turns.ts';

/** The counts of one target in the database. */
export interface CountStore {
  /** The target's id, by which its account's meter knows it too. */
  readonly target: string;
  /** `isOpen`: the numbers may be behind. */
  load(): Promise<Counts & { readonly isOpen: boolean }>;
  /** Durable when the promise resolves. */
  markOpen(): Promise<void>;
  /** Also takes the mark away, in the same transaction. */
  save(bytes: number, objects: number): Promise<void>;
}

export interface Recount extends Counts {
  readonly wasBytes: number;
  readonly wasObjects: number;
}

/**
 * Lets nobody in before the counts are those of the storage. Whoever opens a target has to close it before opening it again.
 * @throws NeoError of the storage, where it has to be counted and cannot
 */
export async function openCounted(
  storage: ServedBackend,
  meter: Meter,
  store: CountStore,
  told: Told = NOBODY,
): Promise<CountedTarget> {
  const { bytes, objects, isOpen } = await store.load();
  meter.setCounts(store.target, isOpen ? await countObjects(storage) : { bytes, objects });
  return new CountedTarget(storage, meter, store, told, isOpen);
}

async function countObjects(storage: ServedBackend): Promise<Counts> {
  let bytes = 0;
  let objects = 0;
  for await (const { size } of storage.list('')) {
    bytes += size;
    objects += 1;
  }
  return { bytes, objects };
}

/** A change of one path under way; nobody else changes that path, and nobody counts. */
interface Change {
  /** What is there before it. */
  readonly before: ObjectInfo | undefined;
  readonly end: () => void;
}

/** What a put brings. */
interface Coming {
  readonly path: string;
  readonly length: number;
  readonly origin: Origin | undefined;
}

/** Made by {@link openCounted}. Puts need the length of what comes. */
export class CountedTarget implements ServedBackend {
  readonly location: string;
  readonly #storage: ServedBackend;
  readonly #meter: Meter;
  readonly #store: CountStore;
  readonly #target: string;
  readonly #told: Told;
  readonly #rooms: Rooms;
  readonly #turns = new Turns();
  readonly #gate = new Gate();
  /** The row says that the counts may be behind. */
  #marked: Promise<void> | undefined;
  /** Something failed such that nobody knows what it left: the counts are too high rather than too low. */
  #isUncertain = false;
  #closed: Promise<void> | undefined;

  constructor(storage: ServedBackend, meter: Meter, store: CountStore, told: Told, isMarked: boolean) {
    this.location = storage.location;
    this.#storage = storage;
    this.#meter = meter;
    this.#store = store;
    this.#target = store.target;
    this.#told = told;
    this.#rooms = new Rooms((bytes) => meter.reserve(store.target, bytes));
    this.#marked = isMarked ? Promise.resolve() : undefined;
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    const whole = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes;
    };
    await this.putPieces(path, whole(), bytes.length);
  }

  /**
   * Room is kept from before the first byte on; an object that is there already needs none.
   * @param origin whose request it is, for those who are told
   * @throws NeoError quota-exceeded
   */
  async putPieces(path: string, pieces: AsyncIterable<Uint8Array>, length?: number, origin?: Origin): Promise<boolean> {
    if (length === undefined) throw new NeoError('failed', `${path} came without its length`);
    await this.#settled();
    const isThere = (await this.#storage.stat(path)) !== undefined;
    const room = isThere ? undefined : this.#rooms.take(path, length);
    try {
      return await this.#publish({ path, length, origin }, pieces, room);
    } finally {
      room?.leave();
    }
  }

  async #publish(coming: Coming, pieces: AsyncIterable<Uint8Array>, kept?: Room): Promise<boolean> {
    const { path, length, origin } = coming;
    let room = kept;
    let change: Change | undefined;
    const begin = async (): Promise<void> => {
      change = await this.#begin(path);
      if (change.before !== undefined) return;
      // It was removed meanwhile, or another of this path has used the room they shared.
      if (room === undefined || !room.isOpen) room = this.#rooms.take(path, length);
      await this.#mark();
    };
    try {
      const isMade = await this.#storage.putPieces(path, announced(path, pieces, length, begin), length);
      const wasThere = change?.before !== undefined;
      if (!wasThere) room?.keep();
      // Something else changes this storage, or it does not keep to its word.
      if (isMade === wasThere || change === undefined) this.#doubt();
      if (isMade) this.#told.changed(this.#target, ['put', path, length], origin);
      return isMade;
    } catch (error) {
      if (change !== undefined && change.before === undefined) await this.#afterFailedPut(path, length, room);
      throw error;
    } finally {
      if (room !== kept) room?.leave();
      change?.end();
    }
  }

  /** It may be there all the same, such as when only its folder could not be synced. */
  async #afterFailedPut(path: string, length: number, room: Room | undefined): Promise<void> {
    const left = await this.#storage.stat(path).catch(() => 'unknown' as const);
    if (left === undefined) return;
    room?.keep();
    // Nobody knows whether it is durable.
    this.#told.lost(this.#target);
    if (left === 'unknown' || left.size !== length) this.#doubt();
  }

  async remove(path: string, origin?: Origin): Promise<void> {
    const { before, end } = await this.#begin(path);
    try {
      if (before === undefined) return await this.#storage.remove(path);
      await this.#mark();
      try {
        await this.#storage.remove(path);
        this.#subtract(before.size);
        this.#told.changed(this.#target, ['remove', path, before.size], origin);
      } catch (error) {
        await this.#afterFailedRemoval(path, before.size);
        throw error;
      }
    } finally {
      end();
    }
  }

  async #afterFailedRemoval(path: string, size: number): Promise<void> {
    const left = await this.#storage.stat(path).catch(() => 'unknown' as const);
    if (left === undefined) {
      this.#told.lost(this.#target);
      this.#subtract(size);
    } else if (left === 'unknown' || left.size !== size) this.#doubt();
  }

  #subtract(size: number): void {
    const { bytes, objects } = this.#meter.counts(this.#target);
    // What was never counted was put there by others.
    if (bytes < size || objects < 1) this.#doubt();
    else this.#meter.setCounts(this.#target, { bytes: bytes - size, objects: objects - 1 });
  }

  #doubt(): void {
    this.#isUncertain = true;
    this.#told.lost(this.#target);
  }

  /**
   * Counts what lies in the storage. Puts go on with their bytes, and end after it, as removals do; reads do not notice.
   * @throws NeoError of the storage, and the counts stay as they were
   */
  async recount(): Promise<Recount> {
    return this.#gate.alone(() => {
      if (this.#closed !== undefined) throw beingClosed();
      return this.#count();
    });
  }

  async #count(): Promise<Recount> {
    const was = this.#meter.counts(this.#target);
    const { bytes, objects } = await countObjects(this.#storage);
    this.#meter.setCounts(this.#target, { bytes, objects });
    this.#isUncertain = false;
    // Without the mark nobody would count again.
    const isWrong = bytes !== was.bytes || objects !== was.objects;
    if (isWrong) this.#told.lost(this.#target);
    if (isWrong && this.#marked === undefined) await this.#store.save(bytes, objects);
    return { bytes, objects, wasBytes: was.bytes, wasObjects: was.objects };
  }

  /**
   * Waits for changes under way and saves the counts. Puts whose bytes are not all here yet will fail with `unreachable`. When it fails, the row
   * still says that the target has to be counted.
   */
  async close(): Promise<void> {
    this.#closed ??= this.#gate.alone(async () => {
      try {
        if (this.#isUncertain) await this.#count();
        const { bytes, objects } = this.#meter.counts(this.#target);
        if (this.#marked !== undefined) await this.#store.save(bytes, objects);
      } finally {
        await this.#storage.close();
      }
    });
    return this.#closed;
  }

  async #begin(path: string): Promise<Change> {
    const giveBack = await this.#turns.take(path);
    try {
      await this.#enter();
    } catch (error) {
      giveBack();
      throw error;
    }
    const end = (): void => {
      this.#gate.leave();
      giveBack();
    };
    try {
      return { before: await this.#storage.stat(path), end };
    } catch (error) {
      end();
      throw error;
    }
  }

  /** The counts are right, as far as is known. */
  async #settled(): Promise<void> {
    await this.#enter();
    this.#gate.leave();
  }

  async #enter(): Promise<void> {
    for (;;) {
      await this.#gate.enter();
      if (this.#closed === undefined && !this.#isUncertain) return;
      this.#gate.leave();
      if (this.#closed !== undefined) throw beingClosed();
      await this.#gate.alone(async () => {
        if (this.#isUncertain) await this.#count();
      });
    }
  }

  #mark(): Promise<void> {
    this.#marked ??= this.#store.markOpen().catch((error: unknown) => {
      this.#marked = undefined;
      throw error;
    });
    return this.#marked;
  }

  get(path: string): Promise<Uint8Array | undefined> {
    return this.#storage.get(path);
  }

  getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    return this.#storage.getRange(path, range);
  }

  getRanges(path: string, ranges: readonly ByteRange[]): Promise<(Uint8Array | undefined)[] | undefined> {
    return this.#storage.getRanges(path, ranges);
  }

  openObject(path: string, wanted?: ByteRange): Promise<OpenObject | undefined> {
    return this.#storage.openObject(path, wanted);
  }

  list(folder: string): AsyncIterable<ObjectInfo> {
    return this.#storage.list(folder);
  }

  listAfter(folder: string, after: string): AsyncIterable<ObjectInfo> {
    return this.#storage.listAfter(folder, after);
  }

  stat(path: string): Promise<ObjectInfo | undefined> {
    return this.#storage.stat(path);
  }

  now(): Promise<number> {
    return this.#storage.now();
  }
}

function beingClosed(): NeoError {
  return new NeoError('unreachable', 'the target is being closed');
}

/** What is charged is what comes. `atEnd` is awaited before the storage learns that it was all. */
async function* announced(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  length: number,
  atEnd: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  let got = 0;
  for await (const piece of pieces) {
    got += piece.length;
    if (got > length) break;
    yield piece;
  }
  if (got !== length) throw new NeoError('failed', `${path} has not the ${length} bytes that were announced`);
  await atEnd();
}

/** A reservation that all share who bring the same object at once: one of them will make it. */
class Rooms {
  readonly #reserve: (bytes: number) => Reservation;
  readonly #open = new Map<string, { readonly reservation: Reservation; users: number }>();

  constructor(reserve: (bytes: number) => Reservation) {
    this.#reserve = reserve;
  }

  /** @throws NeoError quota-exceeded */
  take(path: string, length: number): Room {
    const key = `${length} ${path}`;
    const known = this.#open.get(key);
    const shared = known?.reservation.isOpen === true ? known : { reservation: this.#reserve(length), users: 0 };
    shared.users += 1;
    this.#open.set(key, shared);
    return {
      get isOpen() {
        return shared.reservation.isOpen;
      },
      keep: () => shared.reservation.keep(),
      leave: () => {
        shared.users -= 1;
        if (shared.users > 0) return;
        shared.reservation.release();
        if (this.#open.get(key) === shared) this.#open.delete(key);
      },
    };
  }
}

interface Room {
  readonly isOpen: boolean;
  keep(): void;
  /** Once. */
  leave(): void;
}
