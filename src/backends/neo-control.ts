/** What is asked of a server beside objects: who is who, who may do what (docs/protocol.md, "Control"). */
import { NeoError } from '../core/errors.ts';
import type { z } from '../core/schema.ts';
import { CONTROL, type ControlAnswer, type ControlRequest, type ControlVerb } from '../protocol/control.ts';
import { eventSchema, type Hello, helloSchema, type ServerEvent } from '../protocol/messages.ts';
import { urlOf } from '../protocol/verbs.ts';
import {
  askFingerprint,
  Connection,
  jsonOf,
  knownKeyOf,
  type Reply,
  showFingerprint,
  type Trust,
  wholeOf,
} from './neo/connection.ts';
import { linesOf } from './neo/lines.ts';
import { type NeoHost, type NeoPlace, showNeoHost } from './neo-location.ts';

export type { Trust } from './neo/connection.ts';
export { askFingerprint, knownKeyOf, showFingerprint };

/** A page of the log, a list of thousands of accounts. */
const MOST_ANSWER_BYTES = 16 << 20;

export class ControlClient {
  readonly #connection: Connection;
  readonly #location: string;

  constructor(host: NeoHost, trust: Trust) {
    this.#connection = new Connection(host.host, host.port, trust);
    this.#location = showNeoHost(host);
  }

  /** @throws NeoError what the server refuses with; unreachable */
  async call<V extends ControlVerb>(verb: V, request: ControlRequest<V>): Promise<ControlAnswer<V>> {
    const body = new TextEncoder().encode(JSON.stringify(request));
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const exchange = { method: 'POST', url: urlOf('control', '', verb), headers, body };
    const answer = await this.#json(exchange, `${verb} at ${this.#location}`, CONTROL[verb].answer);
    // The table says which answer belongs to which verb; TypeScript does not follow that through a type parameter.
    return answer as ControlAnswer<V>;
  }

  async hello(): Promise<Hello> {
    return this.#json({ method: 'GET', url: urlOf('hello') }, `greet ${this.#location}`, helloSchema);
  }

  /** For administrators. @throws NeoError as {@link call} */
  async metrics(): Promise<string> {
    const { stream } = await this.#reply('metrics', `read the metrics of ${this.#location}`);
    return new TextDecoder().decode(await wholeOf(stream, MOST_ANSWER_BYTES));
  }

  /**
   * What happens at the server, until it ends or the signal fires. For administrators.
   * @throws NeoError as {@link call}; unreachable when the line was cut
   */
  async *events(signal: AbortSignal): AsyncGenerator<ServerEvent> {
    const doing = `watch ${this.#location}`;
    const { stream } = await this.#reply('events', doing);
    const stop = (): void => void stream.destroy();
    signal.addEventListener('abort', stop);
    try {
      if (signal.aborted) return;
      for await (const line of linesOf(stream, doing)) {
        const parsed = eventSchema.safeParse(line);
        if (!parsed.success) throw new NeoError('failed', `cannot ${doing}: the server answers with something else`);
        yield parsed.data;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', stop);
      stream.destroy();
    }
  }

  async #reply(verb: 'metrics' | 'events', doing: string): Promise<Reply> {
    const reply = await this.#connection.ask({ method: 'GET', url: urlOf(verb), doing });
    if (reply === undefined) throw new NeoError('failed', `cannot ${doing}: the server answers with something else`);
    return reply;
  }

  async #json<T extends z.ZodMiniType>(
    exchange: { method: string; url: string; headers?: Record<string, string | number>; body?: Uint8Array },
    doing: string,
    schema: T,
  ): Promise<z.infer<T>> {
    const reply = await this.#connection.ask({ ...exchange, doing });
    const value = reply === undefined ? undefined : await jsonOf(reply.stream, MOST_ANSWER_BYTES);
    const parsed = schema.safeParse(value);
    if (!parsed.success) throw new NeoError('failed', `cannot ${doing}: the server answers with something else`);
    return parsed.data;
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}

/**
 * Makes a target, if there is none that one may look into.
 * @throws NeoError permission-denied
 */
export async function createTarget(place: NeoPlace, trust: Trust): Promise<void> {
  const client = new ControlClient(place, trust);
  try {
    const [owner, name] = place.target.includes(':') ? place.target.split(':', 2) : [undefined, place.target];
    const { targets } = await client.call('targets', {});
    const { account } = await client.call('whoami', {});
    const isThere = targets.some(
      (each) => each.name === name && each.owner === (owner ?? account.parent ?? account.name),
    );
    if (!isThere) await client.call('target-create', { name: name ?? '' });
  } finally {
    await client.close();
  }
}
