/** A refusal on the wire, and as the error that a client throws. */
import { type ErrorCode, EXIT_CODES, NeoError } from '../core/errors.ts';
import { z } from '../core/schema.ts';

/** A status for those who see nothing else, such as proxies: the code in the body decides. */
const STATUS: Readonly<Record<ErrorCode, number>> = {
  usage: 400,
  'wrong-password': 401,
  'permission-denied': 403,
  'no-repository': 404,
  'already-exists': 409,
  'not-found': 404,
  'needs-newer-neo': 426,
  integrity: 422,
  'no-space': 507,
  'quota-exceeded': 507,
  unreachable: 503,
  failed: 500,
  incomplete: 500,
  interrupted: 500,
};

const CODES = Object.keys(EXIT_CODES) as [ErrorCode, ...ErrorCode[]];
const MOST_TEXT = 2000;

const text = z.string().check(z.maxLength(MOST_TEXT));
const refusalSchema = z.object({
  error: z.object({ code: z.enum(CODES), message: text, hint: z.optional(text) }),
});

export type Refusal = z.infer<typeof refusalSchema>;

export function statusOf(code: ErrorCode): number {
  return STATUS[code];
}

export function refusalOf({ code, message, hint }: NeoError): Refusal {
  const said = hint === undefined ? {} : { hint: hint.slice(0, MOST_TEXT) };
  return { error: { code, message: message.slice(0, MOST_TEXT), ...said } };
}

/** What a server that is none of ours, or a proxy in between, may mean by its status. */
function codeOf(status: number): ErrorCode {
  if (status === 401 || status === 403) return 'permission-denied';
  if (status === 404) return 'no-repository';
  return status >= 500 || status === 429 || status === 408 ? 'unreachable' : 'failed';
}

/** @param answer parsed JSON, or undefined for what is none */
export function errorOf(status: number, answer: unknown, doing: string): NeoError {
  const parsed = refusalSchema.safeParse(answer);
  if (!parsed.success) return new NeoError(codeOf(status), `cannot ${doing}: the server answers with status ${status}`);
  const { code, message, hint } = parsed.data.error;
  return new NeoError(code, `cannot ${doing}: ${message}`, hint === undefined ? {} : { hint });
}
