/**
 * Chunks of one long file on their way to other threads: the thread that reads and cuts the file puts chunks in, others
 * seal what they find, and what nobody has room for the reader seals itself. So a single file keeps all cores busy, with
 * exactly the cuts of one thread. No thread waits for another but at the end.
 *
 * Memory: signal and closed words, then a row of words for each slot (state, offset, length), their keys, and a ring of
 * bytes that the slots in use lie in, oldest first.
 */
import { copyInto, copyOf } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { type ContentKey, contentKey } from '../../core/ids.ts';

const SLOTS = 32;
const RING_BYTES = 8 << 20;
const KEY_LENGTH = 32;

/** Counts what was put in, so that helpers can wait for a change. */
const SIGNAL = 0;
const CLOSED = 1;
const FIRST_SLOT = 2;
const SLOT_WORDS = 3;
const WORDS = FIRST_SLOT + SLOTS * SLOT_WORDS;
const KEYS_AT = WORDS * 4;
const RING_AT = KEYS_AT + SLOTS * KEY_LENGTH;

const EMPTY = 0;
const READY = 1;
const TAKEN = 2;
const DONE = 3;
const FAILED = 4;

/** Somebody may have been stopped meanwhile: then nobody would wake us. */
const WAIT_MS = 200;

export type SealChunk = (bytes: Uint8Array) => ContentKey;

class Slots {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly ring: Uint8Array<SharedArrayBuffer>;
  readonly #memory: SharedArrayBuffer;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
    this.words = new Int32Array(memory, 0, WORDS);
    this.ring = new Uint8Array(memory, RING_AT, RING_BYTES);
  }

  stateAt(slot: number): number {
    return FIRST_SLOT + slot * SLOT_WORDS;
  }

  key(slot: number): Uint8Array {
    return new Uint8Array(this.#memory, KEYS_AT + slot * KEY_LENGTH, KEY_LENGTH);
  }

  /** Seals what the slot holds, if nobody else does. */
  serve(slot: number, seal: SealChunk): boolean {
    const at = this.stateAt(slot);
    if (Atomics.compareExchange(this.words, at, READY, TAKEN) !== READY) return false;
    let outcome = FAILED;
    try {
      const offset = this.words[at + 1] ?? 0;
      this.key(slot).set(seal(this.ring.subarray(offset, offset + (this.words[at + 2] ?? 0))));
      outcome = DONE;
    } finally {
      Atomics.store(this.words, at, outcome);
      Atomics.notify(this.words, at);
    }
    return true;
  }
}

/** Empty, for a file to come; `used`: memory of a file that is finished, by all threads. */
export function sealQueueMemory(used?: SharedArrayBuffer): SharedArrayBuffer {
  const memory = used ?? new SharedArrayBuffer(RING_AT + RING_BYTES);
  new Int32Array(memory, 0, WORDS).fill(0);
  return memory;
}

/** A helping thread's side: seals until the file is read to its end. */
export function helpSealing(memory: SharedArrayBuffer, seal: SealChunk, stopped: () => boolean): void {
  const slots = new Slots(memory);
  while (!stopped()) {
    const seen = Atomics.load(slots.words, SIGNAL);
    let served = false;
    for (let slot = 0; slot < SLOTS; slot++) served = slots.serve(slot, seal) || served;
    if (served) continue;
    if (Atomics.load(slots.words, CLOSED) === 1) return;
    Atomics.wait(slots.words, SIGNAL, seen, WAIT_MS);
  }
}

interface Outstanding {
  readonly slot: number;
  readonly offset: number;
}

/** The reader's side. */
export class SealQueue {
  readonly #slots: Slots;
  /** Oldest first. */
  readonly #outstanding: Outstanding[] = [];
  #nextSlot = 0;
  #head = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#slots = new Slots(memory);
  }

  /** Copies a chunk for others to seal. False when there is no room now. */
  offer(bytes: Uint8Array): boolean {
    const slot = this.#nextSlot;
    const offset = this.#place(bytes.length);
    const at = this.#slots.stateAt(slot);
    const { words, ring } = this.#slots;
    if (offset === undefined || Atomics.load(words, at) !== EMPTY) return false;
    copyInto(ring, offset, bytes);
    words[at + 1] = offset;
    words[at + 2] = bytes.length;
    Atomics.store(words, at, READY);
    this.#outstanding.push({ slot, offset });
    this.#nextSlot = (slot + 1) % SLOTS;
    this.#head = offset + bytes.length;
    Atomics.add(words, SIGNAL, 1);
    Atomics.notify(words, SIGNAL);
    return true;
  }

  #place(length: number): number | undefined {
    const [oldest] = this.#outstanding;
    if (oldest === undefined) return length <= RING_BYTES ? 0 : undefined;
    if (this.#head > oldest.offset) {
      if (this.#head + length <= RING_BYTES) return this.#head;
      return length <= oldest.offset ? 0 : undefined;
    }
    return this.#head + length <= oldest.offset ? this.#head : undefined;
  }

  /** The key of the oldest chunk that was put in and not given back yet; undefined when it is not sealed so far. */
  oldest(): ContentKey | undefined {
    const [first] = this.#outstanding;
    if (first === undefined) return undefined;
    const at = this.#slots.stateAt(first.slot);
    const state = Atomics.load(this.#slots.words, at);
    if (state === FAILED) throw new NeoError('failed', 'a chunk could not be sealed');
    if (state !== DONE) return undefined;
    const key = contentKey(copyOf(this.#slots.key(first.slot)));
    Atomics.store(this.#slots.words, at, EMPTY);
    this.#outstanding.shift();
    return key;
  }

  /** The same, once it is sealed: by this thread if no other has begun. Only while some are outstanding. */
  waitForOldest(seal: SealChunk, stopped: () => boolean): ContentKey {
    for (;;) {
      const key = this.oldest();
      if (key !== undefined) return key;
      const [first] = this.#outstanding;
      if (first === undefined || stopped()) throw new NeoError('interrupted', 'interrupted');
      if (!this.#slots.serve(first.slot, seal)) {
        Atomics.wait(this.#slots.words, this.#slots.stateAt(first.slot), TAKEN, WAIT_MS);
      }
    }
  }

  /** Seals what is outstanding, and forgets it. */
  settle(seal: SealChunk, stopped: () => boolean): void {
    while (this.#outstanding.length > 0) this.waitForOldest(seal, stopped);
  }

  /** Nothing more comes: helpers may go. */
  close(): void {
    Atomics.store(this.#slots.words, CLOSED, 1);
    Atomics.add(this.#slots.words, SIGNAL, 1);
    Atomics.notify(this.#slots.words, SIGNAL);
  }
}
