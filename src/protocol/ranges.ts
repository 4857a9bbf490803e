/**
 * The answer to `ranges`: for each range, in the order in which they were asked for, its length as 32 bits (little-endian) and its
 * bytes; in place of the length one of two marks, and no bytes.
 */
import { NeoError } from '../core/errors.ts';

/** There is no such object. */
export const ABSENT = 0xffff_ffff;
/** The object ends before the range does. */
export const BEYOND = 0xffff_fffe;

export type RangeAnswer = Uint8Array | typeof ABSENT | typeof BEYOND;

const HEAD = 4;

export function encodeRange(answer: RangeAnswer): Uint8Array {
  const bytes = typeof answer === 'number' ? new Uint8Array(0) : answer;
  const encoded = new Uint8Array(HEAD + bytes.length);
  new DataView(encoded.buffer).setUint32(0, typeof answer === 'number' ? answer : bytes.length, true);
  encoded.set(bytes, HEAD);
  return encoded;
}

/** What stands before the bytes of a range. */
export function rangeHead(length: number): Uint8Array {
  const head = new Uint8Array(HEAD);
  new DataView(head.buffer).setUint32(0, length, true);
  return head;
}

/** @param lengths what was asked for. @throws NeoError failed for what answers something else */
export function decodeRanges(answer: Uint8Array, lengths: readonly number[]): RangeAnswer[] {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.length);
  let at = 0;
  const decoded = lengths.map((asked): RangeAnswer => {
    if (at + HEAD > answer.length) throw notRanges();
    const length = view.getUint32(at, true);
    at += HEAD;
    if (length === ABSENT || length === BEYOND) return length;
    if (length !== asked || at + length > answer.length) throw notRanges();
    at += length;
    return answer.subarray(at - length, at);
  });
  if (at !== answer.length) throw notRanges();
  return decoded;
}

function notRanges(): NeoError {
  return new NeoError('failed', 'the server answers other ranges than were asked for');
}
