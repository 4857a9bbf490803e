/**
 * SipHash-2-4 with 64-bit output (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012, §2), written after the
 * paper for the reference chunker; slow.
 */
const MASK = 0xffff_ffff_ffff_ffffn;

type State = [v0: bigint, v1: bigint, v2: bigint, v3: bigint];

/** Any message; the key is 16 bytes. */
export function sipHash24(key: Uint8Array, message: Uint8Array): bigint {
  const k0 = word(key, 0);
  const k1 = word(key, 8);
  const state: State = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const whole = message.length - (message.length % 8);
  for (let at = 0; at < whole; at += 8) compress(state, word(message, at));
  // The last block: what is left, then zeros, and the length modulo 256 in the top byte.
  const last = new Uint8Array(8);
  last.set(message.subarray(whole));
  last[7] = message.length & 0xff;
  compress(state, word(last, 0));
  state[2] ^= 0xffn;
  for (let i = 0; i < 4; i++) round(state);
  return state[0] ^ state[1] ^ state[2] ^ state[3];
}

function word(bytes: Uint8Array, at: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(at, true);
}

function compress(state: State, m: bigint): void {
  state[3] ^= m;
  round(state);
  round(state);
  state[0] ^= m;
}

function round(state: State): void {
  let [v0, v1, v2, v3] = state;
  v0 = (v0 + v1) & MASK;
  v1 = rotate(v1, 13n) ^ v0;
  v0 = rotate(v0, 32n);
  v2 = (v2 + v3) & MASK;
  v3 = rotate(v3, 16n) ^ v2;
  v0 = (v0 + v3) & MASK;
  v3 = rotate(v3, 21n) ^ v0;
  v2 = (v2 + v1) & MASK;
  v1 = rotate(v1, 17n) ^ v2;
  v2 = rotate(v2, 32n);
  state[0] = v0;
  state[1] = v1;
  state[2] = v2;
  state[3] = v3;
}

function rotate(value: bigint, count: bigint): bigint {
  return ((value << count) | (value >> (64n - count))) & MASK;
}
