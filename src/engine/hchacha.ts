/** HChaCha20 (draft-irtf-cfrg-xchacha-03 §2.2), the part of XChaCha20 that node:crypto lacks. */
const SIGMA = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

/** The places of a quarter round in four columns, then four diagonals (RFC 8439 §2.3). */
const ROUNDS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

function mix(state: Uint32Array, a: number, b: number, d: number, turn: number): void {
  const sum = ((state[a] ?? 0) + (state[b] ?? 0)) | 0;
  const turned = (state[d] ?? 0) ^ sum;
  state[a] = sum;
  state[d] = (turned << turn) | (turned >>> (32 - turn));
}

/** Key of 32 bytes and nonce of 16 to a sub-key of 32. */
export function hchacha20(key: Uint8Array, nonce: Uint8Array): Uint8Array {
  const state = new Uint32Array(16);
  const keyView = new DataView(key.buffer, key.byteOffset, 32);
  const nonceView = new DataView(nonce.buffer, nonce.byteOffset, 16);
  state.set(SIGMA);
  for (let i = 0; i < 8; i++) state[4 + i] = keyView.getUint32(4 * i, true);
  for (let i = 0; i < 4; i++) state[12 + i] = nonceView.getUint32(4 * i, true);
  for (let doubleRound = 0; doubleRound < 10; doubleRound++) {
    for (const [a, b, c, d] of ROUNDS) {
      mix(state, a, b, d, 16);
      mix(state, c, d, b, 12);
      mix(state, a, b, d, 8);
      mix(state, c, d, b, 7);
    }
  }
  const out = new Uint8Array(32);
  const outView = new DataView(out.buffer);
  for (let i = 0; i < 4; i++) {
    outView.setUint32(4 * i, state[i] ?? 0, true);
    outView.setUint32(16 + 4 * i, state[12 + i] ?? 0, true);
  }
  return out;
}
