/** BLAKE3 by hash-wasm. */
import { blake3 as smallBlake3 } from '@noble/hashes/blake3.js';
import { createBLAKE3 } from 'hash-wasm';
import type { Engine } from './engine.ts';
import { checkHashKey, createHashMachines } from './wasm-hash.ts';

const encoder = new TextEncoder();

export async function createPortableHash(): Promise<Pick<Engine, 'blake3' | 'blake3Hasher' | 'blake3Derive'>> {
  const { plain, keyed } = await createHashMachines(createBLAKE3, (bytes, key) => smallBlake3(bytes, { key }));
  const machine = (key: Uint8Array | undefined) => (key === undefined ? plain : keyed);
  return {
    blake3(bytes, key) {
      checkHashKey(key);
      return machine(key).once(bytes, key);
    },
    blake3Hasher(key) {
      checkHashKey(key);
      return machine(key).begin(key);
    },
    // Always few bytes: no need for WebAssembly, which has no such mode here.
    blake3Derive: (context, material) => smallBlake3(material, { context: encoder.encode(context) }),
  };
}
