/** Bodies of requests over HTTP on their way to and from storage, as fast as the limits allow. */
import { Readable } from 'node:stream';
import { ByteWriter, copyInto, discard } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { RateLimit } from './rate-limit.ts';

const PART = 64 * 1024;

/** What a put sends: all at once, or bit by bit as the limit allows. */
export function bodyOf(bytes: Uint8Array, limit: RateLimit | undefined): Uint8Array | Readable {
  return limit === undefined ? bytes : Readable.from(inParts(bytes, limit));
}

async function* inParts(bytes: Uint8Array, limit: RateLimit): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + limit.part(PART));
    await limit.take(end - at);
    yield bytes.subarray(at, end);
    at = end;
  }
}

/** Not at once: a parser may still be reading the rest of the memory that it gave us a part of. */
const discardSoon = (piece: Uint8Array): void => queueMicrotask(() => discard(piece));

/**
 * Exactly as many bytes as `target` has.
 * @param giveBack what is done with memory that has been copied
 * @throws NeoError unreachable when there are fewer or more: the connection was cut
 */
export async function readBody(
  body: unknown,
  target: Uint8Array,
  limit: RateLimit | undefined,
  giveBack: (piece: Uint8Array) => void = discardSoon,
): Promise<void> {
  if (!(body instanceof Readable)) throw new NeoError('failed', 'the answer has no body');
  let at = 0;
  const take = (piece: Uint8Array): void => {
    if (at + piece.length > target.length) {
      throw new NeoError('unreachable', `more than the ${target.length} bytes that were asked for`);
    }
    copyInto(target, at, piece);
    at += piece.length;
    giveBack(piece);
  };
  if (limit === undefined) await takeAll(body, take);
  else {
    for await (const piece of body as AsyncIterable<Uint8Array>) {
      const { length } = piece;
      take(piece);
      await limit.take(length);
    }
  }
  if (at < target.length) throw new NeoError('unreachable', `cut off after ${at} of ${target.length} bytes`);
}

/** Piece by piece as they come: without a turn of the queue for each, a read over HTTP/2 is a sixth faster. */
function takeAll(body: Readable, take: (piece: Uint8Array) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    body.on('data', (piece: Uint8Array) => {
      try {
        take(piece);
      } catch (error) {
        body.destroy(error as Error);
      }
    });
    body.once('end', resolve).once('error', reject);
    // Without an end: the connection was cut.
    body.once('close', resolve);
  });
}

/** All of a body whose length nobody promised. @throws NeoError failed when it has more than `most` bytes */
export async function wholeBody(body: Readable, most: number): Promise<Uint8Array> {
  const whole = new ByteWriter();
  for await (const piece of body as AsyncIterable<Uint8Array>) {
    if (whole.length + piece.length > most) {
      body.destroy();
      throw new NeoError('failed', `the server answers with more than ${most} bytes`);
    }
    whole.bytes(piece);
  }
  return whole.finish();
}

/** Not wanted: its connection is free again. */
export function dropBody(body: unknown): void {
  if (body instanceof Readable) body.destroy();
}
