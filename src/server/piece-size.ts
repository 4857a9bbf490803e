/**
 * In what pieces bodies go through: large ones cost least, and each body that is under way holds one or two. So the more there are, the smaller
 * they get, and all of them together stay within bounds.
 */

/** Bytes of all bodies together, about. */
const ALL = 16 << 20;
const MOST = 256 << 10;
/** A frame of HTTP/2. */
const LEAST = 16 << 10;

let underWay = 0;

/** Bytes, for a body that begins now, or takes its next piece. */
export function pieceSize(): number {
  return Math.max(LEAST, Math.min(MOST, Math.floor(ALL / (2 * Math.max(1, underWay)) / LEAST) * LEAST));
}

/** A body counts from its first piece until its end, or until nobody reads it any more. */
export async function* countedBody(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  underWay += 1;
  try {
    yield* pieces;
  } finally {
    underWay -= 1;
  }
}

/** Memory for one piece, not cleared. @param length of all that is to go through it */
export function newPiece(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(Math.min(length, pieceSize())).buffer);
}
