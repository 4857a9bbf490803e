/** Small damage, repeatable: what bit rot, torn writes, and people with a hex editor do. */
import type { SimRandom } from '../support/sim-random.ts';

/** Values that lengths and counts should not have. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff];

export function mutate(bytes: Uint8Array, random: SimRandom): Uint8Array {
  let mutant = Uint8Array.from(bytes);
  for (let times = 1 + random.below(3); times > 0; times--) mutant = once(mutant, random);
  return mutant;
}

function once(bytes: Uint8Array<ArrayBuffer>, random: SimRandom): Uint8Array<ArrayBuffer> {
  const at = random.below(bytes.length + 1);
  const length = Math.min(bytes.length - at, 1 << random.below(9));
  switch (random.below(7)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return join(bytes, random.bytes(1 + random.below(40)));
    case 2:
      return join(bytes.subarray(0, at), bytes.subarray(at + length));
    case 3:
      return join(bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at));
    case 4:
      bytes.fill(EDGES[random.below(EDGES.length)] ?? 0, at, at + Math.min(length, 8));
      return bytes;
    case 5:
      bytes.set(random.bytes(length), at);
      return bytes;
    default:
      bytes[at % Math.max(1, bytes.length)] = (bytes[at % Math.max(1, bytes.length)] ?? 0) ^ (1 << random.below(8));
      return bytes;
  }
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat(parts));
}
