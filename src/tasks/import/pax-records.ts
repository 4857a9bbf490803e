/** Extended headers of tar archives (POSIX.1-2017, pax(1), "pax Extended Header"): what does not fit into the 512 bytes. */
import { copyOf } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import type { Xattr } from '../../snapshot/node.ts';

/** By key as latin1; the bytes of their values. An empty value takes an earlier one away. */
export type PaxRecords = ReadonlyMap<string, Uint8Array>;

const [SPACE, EQUALS, NEWLINE] = [0x20, 0x3d, 0x0a];

/** @throws NeoError failed for what is malformed */
export function parsePaxRecords(bytes: Uint8Array, position: number): PaxRecords {
  const records = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(SPACE, at);
    const digits = Buffer.from(bytes.subarray(at, Math.max(at, space))).toString('latin1');
    const length = /^[0-9]{1,9}$/.test(digits) ? Number(digits) : 0;
    const equals = bytes.indexOf(EQUALS, space);
    const end = at + length;
    const isWhole = end <= bytes.length && equals > space && equals < end && bytes[end - 1] === NEWLINE;
    if (!isWhole) throw malformed(position);
    records.set(
      Buffer.from(bytes.subarray(space + 1, equals)).toString('latin1'),
      copyOf(bytes.subarray(equals + 1, end - 1)),
    );
    at = end;
  }
  return records;
}

/** A time in seconds with a fraction, as nanoseconds; what is finer is cut off. @throws NeoError failed */
export function parsePaxTime(value: Uint8Array, position: number): bigint {
  const parts = /^(-?)([0-9]{1,11})(?:\.([0-9]*))?$/.exec(Buffer.from(value).toString('latin1'));
  if (parts === null) throw malformed(position);
  const [, sign, seconds = '0', fraction = ''] = parts;
  const nanoseconds = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
  return sign === '-' ? -nanoseconds : nanoseconds;
}

/** @throws NeoError failed */
export function parsePaxNumber(value: Uint8Array, position: number): number {
  const text = Buffer.from(value).toString('latin1');
  const number = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw malformed(position);
  return number;
}

function malformed(position: number): NeoError {
  return new NeoError('failed', `the archive is damaged at byte ${position}: an extended header is malformed`, {
    hint: 'nothing was imported',
  });
}

const SCHILY = 'SCHILY.xattr.';
const LIBARCHIVE = 'LIBARCHIVE.xattr.';

/** As star and GNU tar write them, and where only bsdtar does (percent-encoded, in base64) as that; by name. */
export function xattrsOf(records: PaxRecords): Xattr[] {
  const found = new Map<string, Uint8Array>();
  for (const [key, value] of records) {
    if (!key.startsWith(LIBARCHIVE)) continue;
    const name = key
      .slice(LIBARCHIVE.length)
      .replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    found.set(name, Buffer.from(Buffer.from(value).toString('latin1'), 'base64'));
  }
  for (const [key, value] of records) if (key.startsWith(SCHILY)) found.set(key.slice(SCHILY.length), value);
  found.delete('');
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({ name: Buffer.from(name, 'latin1'), value }));
}

/** Access control lists and labels as text, which are not kept. */
export function hasUnkept(records: PaxRecords): boolean {
  return [...records.keys()].some((key) => key.startsWith('SCHILY.acl.') || key.startsWith('RHT.security.'));
}
