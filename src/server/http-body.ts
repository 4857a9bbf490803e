/**
 * The body of a request in pieces. Frames of HTTP/2 and records of TLS are of 16 KiB: to take each through all that looks at a body would cost several
 * times as much as to copy them together.
 */
import type { Http2ServerRequest } from 'node:http2';
import { concatBytes } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { ReadMemory } from '../protocol/read-memory.ts';
import type { Pieces } from './handler.ts';
import { countedBody, newPiece, pieceSize } from './piece-size.ts';

/** Of connections. */
const memories = new WeakMap<object, ReadMemory>();

function memoryOf(request: Http2ServerRequest): ReadMemory {
  const connection = request.stream?.session ?? request.socket;
  const memory = memories.get(connection) ?? new ReadMemory();
  memories.set(connection, memory);
  return memory;
}

/**
 * To stop reading does not end the request: a refusal goes over it.
 * @param length of all, where it is known. @throws NeoError unreachable when it was cut off
 */
export function bodyOf(request: Http2ServerRequest, length: number | undefined, moved: () => void): Pieces {
  return countedBody(piecesOf(request, length, moved));
}

async function* piecesOf(request: Http2ServerRequest, length: number | undefined, moved: () => void): Pieces {
  const inbox = new Inbox(request, length ?? Number.MAX_SAFE_INTEGER, moved);
  try {
    for (let piece = await inbox.next(); piece !== undefined; piece = await inbox.next()) yield piece;
  } finally {
    inbox.leave();
  }
}

class Inbox {
  readonly #request: Http2ServerRequest;
  readonly #length: number;
  readonly #moved: () => void;
  readonly #memory: ReadMemory;
  #room: Uint8Array = new Uint8Array();
  #used = 0;
  /** What did not fit any more. */
  #rest: Uint8Array = new Uint8Array();
  #isOver = false;
  #wake: () => void = () => undefined;

  constructor(request: Http2ServerRequest, length: number, moved: () => void) {
    this.#request = request;
    this.#length = length;
    this.#moved = moved;
    this.#memory = memoryOf(request);
    request.on('data', this.#take).on('end', this.#end).on('aborted', this.#end).on('close', this.#end);
    if (request.readableEnded || request.destroyed) this.#end();
  }

  /** As much as there is room for, or what is left at the end. */
  async next(): Promise<Uint8Array | undefined> {
    this.#used = 0;
    if (this.#room.length > pieceSize()) this.#room = newPiece(this.#length);
    this.#keep(this.#rest);
    if (!this.#isFull && !this.#isOver) {
      this.#request.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#used > 0) return this.#room.subarray(0, this.#used);
    const { aborted, readableEnded } = this.#request;
    if (aborted || !readableEnded) throw new NeoError('unreachable', 'the request was cut off');
    return undefined;
  }

  leave(): void {
    this.#memory.forget();
    this.#request.pause();
    this.#request.off('data', this.#take).off('end', this.#end).off('aborted', this.#end).off('close', this.#end);
  }

  get #isFull(): boolean {
    return this.#used > 0 && this.#used === this.#room.length;
  }

  #keep(bytes: Uint8Array): void {
    if (this.#room.length === 0) this.#room = newPiece(Math.max(this.#length, 1));
    const fits = Math.min(bytes.length, this.#room.length - this.#used);
    this.#room.set(fits < bytes.length ? bytes.subarray(0, fits) : bytes, this.#used);
    this.#used += fits;
    this.#rest = Uint8Array.from(bytes.subarray(fits));
  }

  readonly #take = (bytes: Uint8Array): void => {
    this.#moved();
    // Not after a pause, as far as is known.
    if (this.#isFull) this.#rest = concatBytes(this.#rest, bytes);
    else this.#keep(bytes);
    this.#memory.copied(bytes);
    if (!this.#isFull) return;
    this.#request.pause();
    this.#wake();
  };

  readonly #end = (): void => {
    this.#isOver = true;
    this.#wake();
  };
}
