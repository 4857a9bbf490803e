/** Around the handlers: each request is counted, and what an operator should know of it goes to the log. */
import { isNeoError, NeoError } from '../core/errors.ts';
import { isControlVerb } from '../protocol/control.ts';
import type { Directory } from './directory.ts';
import type { Answer, Handler, Pieces, ServerRequest } from './handler.ts';
import type { Log } from './log.ts';
import { isFaultBehind, type Metrics, type Result, resultOf } from './metrics.ts';
import type { Caller } from './principal.ts';

export interface ObservedBy {
  readonly metrics: Metrics;
  readonly log: Log;
  readonly directory: Directory;
}

/** These tell it themselves: they know which account was meant. */
const TELL_THEMSELVES: ReadonlySet<string> = new Set(['login', 'enrol']);

export function observed(handler: Handler, by: ObservedBy): Handler {
  return async (caller, request) => {
    const seen = new Seen(by, caller, request);
    try {
      const body = by.metrics.received(request.body);
      return seen.answer(await handler(caller, { ...request, body }));
    } catch (error) {
      seen.end(resultOf(error), error);
      throw error;
    }
  };
}

class Seen {
  readonly #by: ObservedBy;
  readonly #caller: Caller;
  readonly #request: ServerRequest;
  readonly #name: string;
  readonly #from = performance.now();

  constructor(by: ObservedBy, caller: Caller, request: ServerRequest) {
    this.#by = by;
    this.#caller = caller;
    this.#request = request;
    this.#name = request.verb === 'control' && isControlVerb(request.path) ? request.path : request.verb;
  }

  /** One with bytes ends when the last of them is taken, or when nobody takes them any longer. */
  answer(answer: Answer): Answer {
    if ('bytes' in answer && answer.bytes !== undefined) return { ...answer, bytes: this.#pieces(answer.bytes) };
    this.end(answer.type === 'absent' ? 'absent' : 'ok');
    return answer;
  }

  async *#pieces(pieces: Pieces): Pieces {
    let [result, thrown]: [Result, unknown] = ['cut', undefined];
    try {
      for await (const piece of pieces) {
        this.#by.metrics.sent(piece.length);
        yield piece;
      }
      result = 'ok';
    } catch (error) {
      [result, thrown] = [resultOf(error), error];
      throw error;
    } finally {
      this.end(result, thrown);
    }
  }

  end(result: Result, error?: unknown): void {
    const { metrics, log } = this.#by;
    const { target } = this.#request;
    const { network } = this.#caller;
    metrics.answered(this.#name, result);
    const milliseconds = Math.round(performance.now() - this.#from);
    const where = target === '' ? {} : { target };
    log('request', { verb: this.#name, ...where, result, network, milliseconds });
    if (error !== undefined) this.#failed(result, error);
  }

  #failed(result: Result, error: unknown): void {
    const { metrics, log } = this.#by;
    if (result === 'permission-denied' && !TELL_THEMSELVES.has(this.#name)) void this.#refused(error);
    if (result === 'fault' || isFaultBehind(error)) metrics.fault();
    // Others are told by whoever carries the requests.
    if (isFaultBehind(error)) log('fault', { verb: this.#name, error: traceOf(error) });
  }

  async #refused(error: unknown): Promise<void> {
    const { directory, log } = this.#by;
    const { target } = this.#request;
    const principal = await directory.principalOf(this.#caller).catch(() => undefined);
    const who = principal?.device === undefined ? { token: principal?.token?.id } : { device: principal.device.id };
    const reason = isNeoError(error) ? error.message : undefined;
    const where = target === '' ? {} : { target };
    const { network } = this.#caller;
    log('refused', { account: principal?.account.name, ...who, network, verb: this.#name, ...where, reason });
  }
}

/** With where it came from, and what caused it. */
export function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  if (error.cause === undefined) return own;
  const cause = error instanceof NeoError || error.cause instanceof Error ? traceOf(error.cause) : String(error.cause);
  return `${own}\ncaused by ${cause}`;
}
