/**
 * One error class, a closed set of codes. The code decides the exit status (DESIGN: exit codes); the message says what
 * happened and to which object or file; the hint says what to do. Context is added on the way up, never re-wrapped.
 */
export const EXIT_CODES = {
  failed: 1,
  'already-exists': 1,
  'not-found': 1,
  'needs-newer-neo': 1,
  'no-space': 1,
  usage: 2,
  incomplete: 3,
  'no-repository': 10,
  'wrong-password': 12,
  'permission-denied': 13,
  'quota-exceeded': 14,
  integrity: 15,
  unreachable: 16,
  interrupted: 130,
} as const;

export type ErrorCode = keyof typeof EXIT_CODES;

export interface NeoErrorOptions {
  /** What the user can do about it: one sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** Of `unreachable`: to try again is of no use, nobody but the user can mend it. */
  readonly isPermanent?: boolean;
}

export class NeoError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly isPermanent: boolean;

  constructor(code: ErrorCode, message: string, options: NeoErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'NeoError';
    this.code = code;
    this.hint = options.hint;
    this.isPermanent = options.isPermanent ?? false;
  }

  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}

/** True for a NeoError, of the given code if one is named. */
export function isNeoError(error: unknown, code?: ErrorCode): error is NeoError {
  return error instanceof NeoError && (code === undefined || error.code === code);
}

/** The `code` of a Node system error (`ENOENT` …), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
