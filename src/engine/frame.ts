/**
 * The outside of a zstd frame (RFC 8878 §3.1.1), read before anything is allocated and before a decoder sees it. Both
 * engines go through here, so that they accept exactly the same frames: one frame, content size present, no dictionary,
 * blocks that end where the bytes end.
 */
import { NeoError } from '../core/errors.ts';

/**
 * The most plain bytes in one frame. zstd-codec works in a fixed memory of 16 MiB that source, target and context
 * share; 4 MiB is safe there with any content (measured), and no blob of the format needs more.
 */
export const MAX_FRAME_CONTENT = 4 << 20;

const MAGIC = 0xfd2fb528;
const MAX_BLOCK = 128 * 1024;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

function damaged(what: string): NeoError {
  return new NeoError('integrity', `damaged zstd frame: ${what}`);
}

/** Little-endian value of `count` bytes; the caller has checked the length. */
function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}

interface FrameHeader {
  readonly contentSize: number;
  readonly headerLength: number;
  readonly hasChecksum: boolean;
}

/** RFC 8878 §3.1.1.1: descriptor, window descriptor, dictionary id, content size. */
function readHeader(frame: Uint8Array): FrameHeader {
  if (frame.length < 6 || littleEndian(frame, 0, 4) !== MAGIC) throw damaged('no magic number');
  const descriptor = frame[4] ?? 0;
  const singleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) throw damaged('reserved bit set');
  if ((descriptor & 0x03) !== 0) throw damaged('dictionary asked for');
  const sizeFlag = descriptor >> 6;
  if (sizeFlag === 0 && !singleSegment) throw damaged('no content size');
  const sizeLength = sizeFlag === 0 ? 1 : 1 << sizeFlag;
  const sizeAt = singleSegment ? 5 : 6;
  const headerLength = sizeAt + sizeLength;
  if (frame.length < headerLength) throw damaged('header cut short');
  const contentSize = littleEndian(frame, sizeAt, sizeLength) + (sizeLength === 2 ? 256 : 0);
  return { contentSize, headerLength, hasChecksum: (descriptor & 0x04) !== 0 };
}

/** RFC 8878 §3.1.1.2: three-byte block headers until the last; returns where the last block ends. */
function skipBlocks(frame: Uint8Array, start: number): number {
  for (let at = start; ; ) {
    if (at + 3 > frame.length) throw damaged('block cut short');
    const header = littleEndian(frame, at, 3);
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type === RESERVED_BLOCK || size > MAX_BLOCK) throw damaged('impossible block');
    at += 3 + (type === RLE_BLOCK ? 1 : size);
    if ((header & 1) === 1) return at;
  }
}

/** ZSTD_compressBound, and a whole header: an endless row of empty blocks would fill the decoder's memory. */
function longestFrame(plainLength: number): number {
  return plainLength + (plainLength >> 8) + 128;
}

/**
 * Checks that `frame` is exactly one zstd frame that declares `plainLength` bytes.
 * @throws NeoError integrity otherwise, and above {@link MAX_FRAME_CONTENT}
 */
export function checkFrame(frame: Uint8Array, plainLength: number): void {
  const { contentSize, headerLength, hasChecksum } = readHeader(frame);
  if (contentSize !== plainLength) throw damaged(`declares ${contentSize} bytes, not ${plainLength}`);
  if (plainLength > MAX_FRAME_CONTENT) throw damaged(`more than ${MAX_FRAME_CONTENT} bytes`);
  if (frame.length > longestFrame(plainLength)) throw damaged('longer than its content can need');
  const end = skipBlocks(frame, headerLength) + (hasChecksum ? 4 : 0);
  if (end !== frame.length) throw damaged('bytes missing or left over');
}

/** @throws NeoError failed when the bytes are too many for one frame: store them raw instead */
export function checkFrameContent(bytes: Uint8Array): void {
  if (bytes.length > MAX_FRAME_CONTENT) {
    throw new NeoError('failed', `${bytes.length} bytes are too many for one zstd frame`);
  }
}

/** The bytes in raw blocks, a valid frame without compression: for what zstd-codec cannot or need not compress. */
export function storedFrame(bytes: Uint8Array): Uint8Array {
  const blocks = Math.max(1, Math.ceil(bytes.length / MAX_BLOCK));
  const frame = new Uint8Array(9 + 3 * blocks + bytes.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, MAGIC, true);
  frame[4] = 0xa0; // content size in four bytes, single segment, no checksum, no dictionary
  view.setUint32(5, bytes.length, true);
  let at = 9;
  for (let block = 0; block < blocks; block++) {
    const content = bytes.subarray(block * MAX_BLOCK, (block + 1) * MAX_BLOCK);
    const header = (content.length << 3) | (block === blocks - 1 ? 1 : 0);
    frame[at] = header & 255;
    frame[at + 1] = (header >> 8) & 255;
    frame[at + 2] = header >> 16;
    frame.set(content, at + 3);
    at += 3 + content.length;
  }
  return frame;
}
