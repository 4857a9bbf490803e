/** Randomness is passed in, so that the simulator can repeat a run. */
export interface Random {
  /** `count` bytes; cryptographically strong outside the simulator. */
  bytes(count: number): Uint8Array;
}

/** Nonces are short and many, and a call costs more than their bytes; keys are not taken from here. */
const POOL_LENGTH = 4096;
const POOLED = 16;
const pool = new Uint8Array(POOL_LENGTH);
let used = POOL_LENGTH;

function pooled(count: number): Uint8Array {
  if (used + count > POOL_LENGTH) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  const bytes = pool.slice(used, used + count);
  pool.fill(0, used, used + count);
  used += count;
  return bytes;
}

export const systemRandom: Random = {
  bytes(count) {
    if (count <= POOLED) return pooled(count);
    const bytes = new Uint8Array(count);
    // The Web Crypto API fills at most 65,536 bytes a call.
    for (let at = 0; at < count; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    return bytes;
  },
};
