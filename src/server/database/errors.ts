/** What SQLite reports, as our errors: https://www.sqlite.org/rescode.html. */
import { storageError } from '../../backends/local-errors.ts';
import { type ErrorCode, messageOf, NeoError, systemCode } from '../../core/errors.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly text: string;
  readonly hint?: string;
}

export const SQLITE_ERROR = 1;
export const SQLITE_BUSY = 5;
export const SQLITE_READONLY = 8;

export const BRING_BACK = 'Bring back a backup of it: neo serve restore.';

const LOCKED: Meaning = {
  code: 'failed',
  text: 'another process holds the database',
  hint: 'End what else uses it, such as the shell of SQLite.',
};
const DENIED: Meaning = {
  code: 'permission-denied',
  text: 'the database may not be written',
  hint: 'Check who owns the file and its folder, and whether they are mounted read-only.',
};
const DAMAGED: Meaning = { code: 'integrity', text: 'the database is damaged', hint: BRING_BACK };

/** By primary result code, and by extended ones where they say more. */
const MEANINGS: ReadonlyMap<number, Meaning> = new Map([
  [3, DENIED],
  [SQLITE_BUSY, LOCKED],
  [6, LOCKED],
  [SQLITE_READONLY, DENIED],
  [
    10,
    {
      code: 'failed',
      text: 'the device reports an input/output error',
      hint: 'The disk may be failing: look at the system log, and make a backup of the database elsewhere.',
    },
  ],
  [11, DAMAGED],
  [13, { code: 'no-space', text: 'no space left for the database', hint: 'Free some space where it lies.' }],
  [14, { ...DENIED, text: 'the database, or a file beside it, cannot be opened' }],
  [26, DAMAGED],
  // SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE, _ROWID
  [1555, { code: 'already-exists', text: 'there is one already' }],
  [2067, { code: 'already-exists', text: 'there is one already' }],
  [2579, { code: 'already-exists', text: 'there is one already' }],
  // SQLITE_READONLY_DBMOVED
  [1032, { code: 'failed', text: 'the database was moved or removed while it was in use' }],
]);

/** The extended result code of an error of SQLite; undefined for other errors. */
export function resultCode(error: unknown): number | undefined {
  if (systemCode(error) !== 'ERR_SQLITE_ERROR' || !(error instanceof Error) || !('errcode' in error)) return undefined;
  return typeof error.errcode === 'number' ? error.errcode : undefined;
}

/** The same without what extends it. */
export function primaryCode(error: unknown): number | undefined {
  const code = resultCode(error);
  return code === undefined ? undefined : code & 0xff;
}

/**
 * For whatever a query, or a file of the database, fails with. A NeoError stays as it is.
 * @param doing what was being done and to what, such as `open the database /srv/neo/server.db`
 */
export function databaseError(error: unknown, doing: string): NeoError {
  const code = resultCode(error);
  if (code === undefined) return storageError(error, doing);
  const meaning = MEANINGS.get(code) ?? MEANINGS.get(code & 0xff);
  return new NeoError(meaning?.code ?? 'failed', `cannot ${doing}: ${meaning?.text ?? messageOf(error)}`, {
    cause: error,
    ...(meaning?.hint === undefined ? {} : { hint: meaning.hint }),
  });
}
