/** Randomness is passed in, so that the simulator can repeat a run. */
export interface Random {
  /** `count` bytes; cryptographically strong outside the simulator. */
  bytes(count: number): Uint8Array;
}

export const systemRandom: Random = {
  bytes(count) {
    const bytes = new Uint8Array(count);
    // The Web Crypto API fills at most 65,536 bytes a call.
    for (let at = 0; at < count; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    return bytes;
  },
};
