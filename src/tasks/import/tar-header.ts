/**
 * The 512 bytes before each entry of a tar archive: ustar (POSIX.1-2017, pax(1), "ustar Interchange Format"), what was
 * before it, and what GNU tar made of it (numbers in base 256, its manual's "Basic Tar Format").
 */
import { NeoError } from '../../core/errors.ts';

export const BLOCK = 512;

export interface TarHeader {
  /** Any bytes but NUL; without the extended headers before it. */
  readonly path: Uint8Array;
  readonly link: Uint8Array;
  /** One character. */
  readonly flag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** As the header says; of some flags no bytes follow all the same. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  readonly user: string | undefined;
  readonly group: string | undefined;
  readonly rdev: { readonly major: number; readonly minor: number };
  /** All of it: GNU's sparse files have more there. */
  readonly block: Uint8Array;
}

/** @param position of the block in the archive, for the message. @throws NeoError failed for what is none */
export function parseTarHeader(block: Uint8Array, position: number): TarHeader {
  if (!hasSum(block)) {
    const what = position === 0 ? 'this is no tar archive' : `the archive is damaged at byte ${position}`;
    throw new NeoError('failed', what, { hint: 'nothing was imported' });
  }
  const number = (from: number, length: number): number => safe(numberAt(block, from, length), position);
  const name = textAt(block, 0, 100);
  // GNU tar keeps other times there.
  const prefix = isUstar(block) ? textAt(block, 345, 155) : NOTHING;
  const mtime = numberAt(block, 136, 12);
  if (mtime > MOST_SECONDS || mtime < -MOST_SECONDS) throw outOfRange(position);
  return {
    path: prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]),
    link: textAt(block, 157, 100),
    flag: String.fromCharCode(block[156] ?? 0),
    mode: number(100, 8) & 0o7777,
    uid: number(108, 8),
    gid: number(116, 8),
    size: number(124, 12),
    mtime: mtime * BILLION,
    user: nameAt(block, 265),
    group: nameAt(block, 297),
    rdev: { major: number(329, 8), minor: number(337, 8) },
    block,
  };
}

const BILLION = 1_000_000_000n;
/** As nanoseconds they have 20 digits, which is what a snapshot keeps. */
const MOST_SECONDS = 99_999_999_999n;
const NOTHING = new Uint8Array();

function isUstar(block: Uint8Array): boolean {
  return Buffer.from(block.subarray(257, 263)).toString('latin1') === 'ustar\0';
}

/** Its bytes summed up, with spaces in place of the sum. Old programs took the bytes for signed. */
function hasSum(block: Uint8Array): boolean {
  const wanted = numberAt(block, 148, 8);
  let [unsigned, signed] = [0, 0];
  for (const [at, byte] of block.entries()) {
    const value = at >= 148 && at < 156 ? 0x20 : byte;
    unsigned += value;
    signed += value > 127 ? value - 256 : value;
  }
  return wanted === BigInt(unsigned) || wanted === BigInt(signed);
}

/** Octal digits, or with the first bit set a number of two's complement. */
export function numberAt(block: Uint8Array, from: number, length: number): bigint {
  const bytes = block.subarray(from, from + length);
  const [first = 0] = bytes;
  if ((first & 0x80) === 0) {
    const digits = /^[ \0]*([0-7]*)/.exec(Buffer.from(bytes).toString('latin1'))?.[1] ?? '';
    return digits === '' ? 0n : BigInt(`0o${digits}`);
  }
  let value = (first & 0x40) === 0 ? BigInt(first & 0x7f) : BigInt((first & 0x7f) - 0x80);
  for (const byte of bytes.subarray(1)) value = value * 256n + BigInt(byte);
  return value;
}

/** @throws NeoError failed for what no file is as large as */
export function safe(value: bigint, position: number): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw outOfRange(position);
  }
  return Number(value);
}

function outOfRange(position: number): NeoError {
  return new NeoError('failed', `the archive is damaged at byte ${position}: a number is out of range`, {
    hint: 'nothing was imported',
  });
}

function textAt(block: Uint8Array, from: number, length: number): Uint8Array {
  const bytes = block.subarray(from, from + length);
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

function nameAt(block: Uint8Array, from: number): string | undefined {
  return accountName(textAt(block, from, 32));
}

/** Undefined for none, and for what is no UTF-8. */
export function accountName(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
