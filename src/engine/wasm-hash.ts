/**
 * One object of hash-wasm serving any key and any number of running hashes: hash-wasm makes objects asynchronously, each
 * with one key and one state in its own memory, and the engine needs any key at once. The object reads its key anew, from
 * the array it was given, whenever it is initialised; running hashes swap their state in and out.
 */
import type { IHasher } from 'hash-wasm';
import { NeoError } from '../core/errors.ts';
import type { Hasher } from './engine.ts';

export const HASH_KEY_LENGTH = 32;

interface Running {
  /** Undefined while the machine holds it, and after the digest. */
  state: Uint8Array | undefined;
}

/** The object's memory holds the state of one hasher; whose is written here. */
export class HashMachine {
  readonly #hash: IHasher;
  readonly #key: Uint8Array;
  #owner: Running | undefined;

  /** `key`: the array that `hash` was made with, and reads at each initialisation. */
  constructor(hash: IHasher, key: Uint8Array) {
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
      soFar: () => {
        const hash = this.#resume(running);
        const state = hash.save();
        const digest = hash.digest('binary');
        hash.init().load(state);
        return digest;
      },
      digest: () => {
        const digest = this.#resume(running).digest('binary');
        this.#owner = undefined;
        return digest;
      },
    };
  }

  #resume(running: Running): IHasher {
    if (this.#owner === running) return this.#hash;
    if (running.state === undefined) throw new NeoError('failed', 'a hash is read only once');
    if (this.#owner !== undefined) this.#owner.state = this.#hash.save();
    this.#hash.load(running.state);
    running.state = undefined;
    this.#owner = running;
    return this.#hash;
  }
}

type CreateBlake3 = (bits: number, key?: Uint8Array) => Promise<IHasher>;

/** A plain machine and a keyed one. `reference`: another BLAKE3, to see that keys are taken. @throws NeoError failed */
export async function createHashMachines(
  create: CreateBlake3,
  reference: (bytes: Uint8Array, key: Uint8Array) => Uint8Array,
): Promise<{ readonly plain: HashMachine; readonly keyed: HashMachine }> {
  const key = new Uint8Array(HASH_KEY_LENGTH);
  const plain = new HashMachine(await create(256), key);
  const keyed = new HashMachine(await create(256, key), key);
  // Another version of hash-wasm may copy the key when it is given: then all keyed hashes would be of one key.
  const probe = new Uint8Array(HASH_KEY_LENGTH).fill(7);
  const expected = reference(probe, probe);
  const found = keyed.once(probe, probe);
  if (!expected.every((byte, i) => byte === found[i])) throw new NeoError('failed', 'hash-wasm: keys do not take');
  return { plain, keyed };
}

/** @throws NeoError failed */
export function checkHashKey(key: Uint8Array | undefined): void {
  if (key !== undefined && key.length !== HASH_KEY_LENGTH) throw new NeoError('failed', 'a BLAKE3 key is 32 bytes');
}
