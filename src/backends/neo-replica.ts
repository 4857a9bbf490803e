/** Another server, to which one sends what one has (docs/protocol.md, "Replication"). */
import { Readable } from 'node:stream';
import { NeoError } from '../core/errors.ts';
import type { ControlAnswer, ControlRequest } from '../protocol/control.ts';
import { nodesSchema, type TreeNode } from '../protocol/object-tree.ts';
import { urlOf } from '../protocol/verbs.ts';
import type { OpenObject } from './backend.ts';
import { Connection, jsonOf, type Trust } from './neo/connection.ts';
import { ControlClient } from './neo-control.ts';
import type { NeoHost } from './neo-location.ts';

/** What goes with an object. */
export interface Mark {
  /** How often it came and went (protocol/object-tree.ts). */
  readonly turns: number;
  /** Site of the server to which a client gave it. */
  readonly origin: string;
  /** Site of the server that sends it. */
  readonly via: string;
}

const MOST_TREE_BYTES = 1 << 20;
const PIECE = 256 << 10;

export class ReplicaClient {
  readonly #connection: Connection;
  readonly #control: ControlClient;

  constructor(host: NeoHost, trust: Trust) {
    this.#connection = new Connection(host.host, host.port, trust);
    this.#control = new ControlClient(host, trust);
  }

  /** @throws NeoError what the server refuses with; unreachable */
  offer(request: ControlRequest<'replica-offer'>): Promise<ControlAnswer<'replica-offer'>> {
    return this.#control.call('replica-offer', request);
  }

  /** @throws NeoError as {@link offer} */
  prove(request: ControlRequest<'replica-prove'>): Promise<ControlAnswer<'replica-prove'>> {
    return this.#control.call('replica-prove', request);
  }

  /** @throws NeoError as {@link offer} */
  head(request: ControlRequest<'replica-head'>): Promise<ControlAnswer<'replica-head'>> {
    return this.#control.call('replica-head', request);
  }

  /** @param target `OWNER:NAME`. @throws NeoError as {@link offer} */
  async tree(target: string, prefixes: readonly string[]): Promise<readonly TreeNode[]> {
    const body = new TextEncoder().encode(JSON.stringify({ prefixes }));
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const doing = `compare ${target}`;
    const reply = await this.#connection.ask({ method: 'POST', url: urlOf('tree', target), headers, body, doing });
    const parsed = nodesSchema.safeParse(reply === undefined ? undefined : await jsonOf(reply.stream, MOST_TREE_BYTES));
    if (!parsed.success) throw new NeoError('failed', `cannot ${doing}: the server answers with something else`);
    return parsed.data.nodes;
  }

  /** @throws NeoError as {@link offer}; integrity when another object has its path there */
  async put(target: string, path: string, object: OpenObject, mark: Mark): Promise<void> {
    const headers = { 'content-length': object.size };
    const body = Readable.from(pieces(object), { objectMode: false });
    const doing = `send ${path}`;
    try {
      const url = `${urlOf('put', target, path)}?${query(mark)}`;
      const reply = await this.#connection.ask({ method: 'PUT', url, headers, body, doing });
      reply?.stream.resume();
    } finally {
      body.destroy();
    }
  }

  /** @throws NeoError as {@link offer} */
  async remove(target: string, path: string, mark: Mark): Promise<void> {
    const url = `${urlOf('remove', target, path)}?${query(mark)}`;
    const reply = await this.#connection.ask({ method: 'DELETE', url, doing: `remove ${path}` });
    reply?.stream.resume();
  }

  async close(): Promise<void> {
    await this.#control.close();
    await this.#connection.close();
  }
}

function query({ turns, origin, via }: Mark): URLSearchParams {
  return new URLSearchParams({ turns: String(turns), origin, via });
}

/** Each in memory of its own: the line may hold several. */
async function* pieces(object: OpenObject): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < object.size; at += PIECE) {
    const piece = new Uint8Array(Math.min(PIECE, object.size - at));
    await object.readInto(at, piece);
    yield piece;
  }
}
