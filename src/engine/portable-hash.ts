/**
 * BLAKE3 by hash-wasm. Its objects are made asynchronously, each with one key and one state in its own memory; the
 * engine needs any key at once and many running hashes. So two objects serve all: the keyed one reads its key anew from
 * the array it was given whenever it is initialised, and running hashes swap their state in and out.
 */
import { blake3 as smallBlake3 } from '@noble/hashes/blake3.js';
import { createBLAKE3 } from 'hash-wasm';
import { NeoError } from '../core/errors.ts';
import type { Engine, Hasher } from './engine.ts';

const KEY_LENGTH = 32;
const encoder = new TextEncoder();

/** The object's memory holds the state of one hasher; whose is written here. */
class Machine {
  readonly #hash: Awaited<ReturnType<typeof createBLAKE3>>;
  readonly #key: Uint8Array;
  #owner: Running | undefined;

  constructor(hash: Awaited<ReturnType<typeof createBLAKE3>>, key: Uint8Array) {
    this.#hash = hash;
    this.#key = key;
  }

  #start(key: Uint8Array | undefined): void {
    if (this.#owner !== undefined) this.#owner.state = this.#hash.save();
    this.#owner = undefined;
    if (key !== undefined) this.#key.set(key);
    this.#hash.init();
    if (key !== undefined) this.#key.fill(0);
  }

  once(bytes: Uint8Array, key: Uint8Array | undefined): Uint8Array {
    this.#start(key);
    return this.#hash.update(bytes).digest('binary');
  }

  begin(key: Uint8Array | undefined): Hasher {
    this.#start(key);
    const running: Running = { state: undefined };
    this.#owner = running;
    return {
      update: (bytes) => void this.#resume(running).update(bytes),
      digest: () => {
        const digest = this.#resume(running).digest('binary');
        this.#owner = undefined;
        return digest;
      },
    };
  }

  #resume(running: Running): Awaited<ReturnType<typeof createBLAKE3>> {
    if (this.#owner === running) return this.#hash;
    if (running.state === undefined) throw new NeoError('failed', 'a hash is read only once');
    if (this.#owner !== undefined) this.#owner.state = this.#hash.save();
    this.#hash.load(running.state);
    running.state = undefined;
    this.#owner = running;
    return this.#hash;
  }
}

interface Running {
  /** Undefined while the machine holds it, and after the digest. */
  state: Uint8Array | undefined;
}

function checkKey(key: Uint8Array | undefined): void {
  if (key !== undefined && key.length !== KEY_LENGTH) throw new NeoError('failed', 'a BLAKE3 key is 32 bytes');
}

/** Another version of hash-wasm may copy the key when it is given: then all keyed hashes would be of one key. */
function checkKeying(keyed: Machine): void {
  const key = new Uint8Array(KEY_LENGTH).fill(7);
  const expected = smallBlake3(key, { key });
  const found = keyed.once(key, key);
  if (!expected.every((byte, i) => byte === found[i])) throw new NeoError('failed', 'hash-wasm: keys do not take');
}

export async function createPortableHash(): Promise<Pick<Engine, 'blake3' | 'blake3Hasher' | 'blake3Derive'>> {
  const key = new Uint8Array(KEY_LENGTH);
  const plain = new Machine(await createBLAKE3(256), key);
  const keyed = new Machine(await createBLAKE3(256, key), key);
  checkKeying(keyed);
  const machine = (given: Uint8Array | undefined) => (given === undefined ? plain : keyed);
  return {
    blake3(bytes, given) {
      checkKey(given);
      return machine(given).once(bytes, given);
    },
    blake3Hasher(given) {
      checkKey(given);
      return machine(given).begin(given);
    },
    // Always few bytes: no need for WebAssembly, which has no such mode here.
    blake3Derive: (context, material) => smallBlake3(material, { context: encoder.encode(context) }),
  };
}
