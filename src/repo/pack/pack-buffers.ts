/**
 * Memory for packs in the making, used again once a pack is stored: fresh memory has to be cleared by the system page by
 * page, which costs as much as encrypting what goes into it. A word behind the pack's room says whether it is in use, so
 * that the thread that stores a pack can give it back to the one that fills them.
 */
const FREE = 0;
const IN_USE = 1;

/** Whole words. */
function roomFor(length: number): number {
  return Math.ceil(length / 4) * 4;
}

function useOf(memory: SharedArrayBuffer): Int32Array<SharedArrayBuffer> {
  return new Int32Array(memory, memory.byteLength - 4);
}

export class PackBuffers {
  readonly #length: number;
  readonly #all: SharedArrayBuffer[] = [];

  /** `length` of each, in bytes. */
  constructor(length: number) {
    this.#length = length;
  }

  /** With whatever was in it; nobody else's until it is given back. */
  take(): Uint8Array<SharedArrayBuffer> {
    const free = this.#all.find((memory) => Atomics.compareExchange(useOf(memory), 0, FREE, IN_USE) === FREE);
    return new Uint8Array(free ?? this.#allocate(), 0, this.#length);
  }

  #allocate(): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(roomFor(this.#length) + 4);
    Atomics.store(useOf(memory), 0, IN_USE);
    this.#all.push(memory);
    return memory;
  }
}

/** In any thread: nobody looks any longer at the pack that lies in it. Other memory is left alone. */
export function givePackBuffer({ buffer }: Uint8Array): void {
  if (buffer instanceof SharedArrayBuffer) Atomics.store(useOf(buffer), 0, FREE);
}
