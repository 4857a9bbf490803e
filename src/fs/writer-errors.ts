/** What the system says while restoring, in neo's words. */
import { displayBytes } from '../core/bytes.ts';
import { type ErrorCode, isNeoError, messageOf, NeoError, systemCode } from '../core/errors.ts';

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EACCES: 'permission-denied',
  EPERM: 'permission-denied',
  EROFS: 'permission-denied',
  EEXIST: 'already-exists',
};

/** @throws NeoError always: no-space, permission-denied, already-exists, else failed; names `path` inside the target */
export function failWrite(error: unknown, path: Uint8Array, what: string): never {
  if (isNeoError(error)) throw error;
  const system = systemCode(error);
  const code = CODES[system ?? ''] ?? 'failed';
  const hint = code === 'no-space' ? { hint: 'free some space in the target and run the restore again' } : {};
  throw new NeoError(code, `cannot ${what} ${displayBytes(path)}: ${system ?? messageOf(error)}`, {
    cause: error,
    ...hint,
  });
}

/** @throws NeoError always: already-exists when a file is where the target or a directory above it should be; failWrite */
export function failTarget(error: unknown, path: Uint8Array): never {
  const code = systemCode(error);
  if (code !== 'EEXIST' && code !== 'ENOTDIR') failWrite(error, path, 'restore to');
  throw new NeoError('already-exists', `cannot restore to ${displayBytes(path)}: it, or what is above it, is a file`, {
    hint: 'name a directory: it is made if it is missing',
    cause: error,
  });
}

/** @throws NeoError integrity: something on the way is not the directory it was */
export function failConfinement(path: Uint8Array, cause?: unknown): never {
  throw new NeoError('integrity', `${displayBytes(path)} is not a directory (any more): not written through`, {
    cause,
  });
}
