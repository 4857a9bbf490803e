/** An object piece by piece: while one goes out the next is read, in two buffers that are used again and again, as buffers of each piece's own would keep the garbage collector busy. */
import type { ByteRange, OpenObject } from '../backends/backend.ts';
import type { Pieces } from './handler.ts';
import { newPiece, pieceSize } from './piece-size.ts';

/** @param range within the object. @throws NeoError integrity when the object is shorter than it was */
export async function* readAhead(object: OpenObject, { offset, length }: ByteRange): Pieces {
  const end = offset + length;
  let [room, other] = [newPiece(length), newPiece(0)];
  const read = async (at: number): Promise<Uint8Array> => {
    const most = Math.min(pieceSize(), end - at);
    if (room.length < most || room.length > pieceSize()) room = newPiece(most);
    const piece = room.subarray(0, most);
    [room, other] = [other, room];
    await object.readInto(at, piece);
    return piece;
  };
  let reading = read(offset);
  try {
    for (let at = offset; at < end; ) {
      const piece = await reading;
      at += piece.length;
      if (at < end) reading = read(at);
      // Whoever waits for it learns of it, if anybody still does.
      reading.catch(() => undefined);
      yield piece;
    }
  } finally {
    // The memory and the file are in use until then.
    await reading.catch(() => undefined);
  }
}
