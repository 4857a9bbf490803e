/** System errors of a local or mounted file system, as the errors of the contract. */
import { type ErrorCode, messageOf, NeoError, type NeoErrorOptions, systemCode } from '../core/errors.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly text: string;
  readonly hint?: string;
}

const NO_SPACE: Meaning = {
  code: 'no-space',
  text: 'no space left on the storage',
  hint: 'Free some space there, or choose another location.',
};
const DENIED: Meaning = {
  code: 'permission-denied',
  text: 'permission denied',
  hint: 'Check who owns the repository folder and whether it is mounted read-only.',
};
const GONE: Meaning = {
  code: 'unreachable',
  text: 'the storage does not answer',
  hint: 'Check that the disk or the network share is still connected, then run the command again.',
};
const DEVICE: Meaning = {
  code: 'failed',
  text: 'the device reports an input/output error',
  hint: 'The disk may be failing: look at the system log, and copy the repository elsewhere.',
};
const HANDLES: Meaning = {
  code: 'failed',
  text: 'too many open files',
  hint: 'Raise the limit of open files (ulimit -n).',
};

const MEANINGS: ReadonlyMap<string, Meaning> = new Map([
  ['ENOSPC', NO_SPACE],
  ['EDQUOT', NO_SPACE],
  ['EACCES', DENIED],
  ['EPERM', DENIED],
  ['EROFS', DENIED],
  ['ESTALE', GONE],
  ['ENODEV', GONE],
  ['ENXIO', GONE],
  ['ENOTCONN', GONE],
  ['ETIMEDOUT', GONE],
  ['EHOSTDOWN', GONE],
  ['EHOSTUNREACH', GONE],
  ['EIO', DEVICE],
  ['EMFILE', HANDLES],
  ['ENFILE', HANDLES],
]);

/** Linux errors for which libuv has no name (Node says `Unknown system error -122`). */
const LINUX_UNNAMED: ReadonlyMap<string, string> = new Map([
  ['Unknown system error -122', 'EDQUOT'],
  ['Unknown system error -116', 'ESTALE'],
]);

function meaningOf(error: unknown): Meaning | undefined {
  const code = systemCode(error) ?? '';
  const name = process.platform === 'linux' ? LINUX_UNNAMED.get(code) : undefined;
  return MEANINGS.get(name ?? code);
}

/** @param action what was being done and to what, such as `store packs/00/…` */
export function storageError(error: unknown, action: string): NeoError {
  if (error instanceof NeoError) return error;
  const meaning = meaningOf(error);
  const options: NeoErrorOptions = {
    cause: error,
    ...(meaning?.hint === undefined ? {} : { hint: meaning.hint }),
  };
  return new NeoError(meaning?.code ?? 'failed', `cannot ${action}: ${meaning?.text ?? messageOf(error)}`, options);
}
