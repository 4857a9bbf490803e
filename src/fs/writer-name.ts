/** Names inside a restore target: single, plain components; everything else is a hostile or broken repository. */
import { Buffer } from 'node:buffer';
import { displayBytes } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';

/** NAME_MAX of every Linux file system that matters. */
const NAME_MAX = 255;
const SLASH = 0x2f;
const DOT = 0x2e;

const TEMPORARY_PREFIX = '.neo-restore-';

/** @throws NeoError integrity unless `name` is one path component: no `/`, no NUL, not empty, `.` or `..`, ≤ 255 bytes */
export function checkName(name: Uint8Array): void {
  const fault = faultOf(name);
  if (fault === undefined) return;
  throw new NeoError(
    'integrity',
    `unsafe file name in the snapshot (${fault}): ${displayBytes(name.subarray(0, 300))}`,
  );
}

function faultOf(name: Uint8Array): string | undefined {
  if (name.length === 0) return 'empty';
  if (name.length > NAME_MAX) return 'longer than 255 bytes';
  if (name.includes(SLASH)) return 'contains /';
  if (name.includes(0)) return 'contains NUL';
  if (name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT))) return 'not a name';
  return undefined;
}

/** A name that nobody can foresee: a file has it until it is complete. */
export function temporaryName(random: Random): Buffer {
  return Buffer.from(TEMPORARY_PREFIX + Buffer.from(random.bytes(8)).toString('hex'));
}

/** True for what an interrupted restore left behind. */
export function isTemporaryName(name: Uint8Array): boolean {
  return /^\.neo-restore-[0-9a-f]{16}$/.test(Buffer.from(name).toString('latin1'));
}
