/**
 * A target of neo's own server (docs/protocol.md). What the server answers is parsed, bounded, and never believed beyond that: lengths,
 * names and the order of lists are looked at here, bytes by whoever opens them.
 */
import { NeoError } from '../core/errors.ts';
import type { z } from '../core/schema.ts';
import { listSchema, timeSchema } from '../protocol/messages.ts';
import { nodesSchema, type TreeNode } from '../protocol/object-tree.ts';
import { decodeRanges, type RangeAnswer } from '../protocol/ranges.ts';
import { urlOf, VERBS, type Verb } from '../protocol/verbs.ts';
import type { Backend, ByteRange, ObjectInfo } from './backend.ts';
import { bodyOf, readBody } from './bodies.ts';
import { Connection, type Exchange, jsonOf, type Reply, readingOf, type Trust, wholeOf } from './neo/connection.ts';
import { type AskedRange, RangeBatch, SMALL_RANGE } from './neo/range-batch.ts';
import { type NeoPlace, showNeo } from './neo-location.ts';
import { checkFolder, checkPath, checkRange, isPath } from './path.ts';
import type { RateLimits } from './rate-limit.ts';

export interface NeoOptions {
  readonly trust: Trust;
  readonly limits?: RateLimits;
}

/** Of an answer in JSON: a page of a list. */
const MOST_JSON_BYTES = 2 << 20;
/** What no object of ours comes near to; a server that claims more is not given the memory. */
const MOST_OBJECT_BYTES = 1 << 30;

type Sent = Pick<Exchange, 'headers' | 'body'>;

/** Nothing is asked yet. */
export function openNeo(place: NeoPlace, options: NeoOptions): Backend {
  return new NeoBackend(place, options);
}

class NeoBackend implements Backend {
  readonly location: string;
  readonly isRemote = true;
  readonly isGuarded = true;
  readonly #target: string;
  readonly #connection: Connection;
  readonly #limits: RateLimits;
  readonly #batch = new RangeBatch((ranges) => this.#ranges(ranges));

  constructor(place: NeoPlace, { trust, limits = {} }: NeoOptions) {
    this.location = showNeo(place);
    this.#target = place.target;
    this.#connection = new Connection(place.host, place.port, trust);
    this.#limits = limits;
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    checkPath(path);
    const headers = { 'content-length': bytes.length };
    const reply = await this.#ask('put', path, { headers, body: bodyOf(bytes, this.#limits.upload) });
    reply?.stream.resume();
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    checkPath(path);
    const reply = await this.#ask('get', path);
    if (reply === undefined) return undefined;
    const bytes = new Uint8Array(numberIn(reply, 'content-length', MOST_OBJECT_BYTES));
    await this.#read(reply, bytes);
    return bytes;
  }

  async getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined> {
    checkPath(path);
    checkRange(path, Number.MAX_SAFE_INTEGER, range);
    if (range.length <= SMALL_RANGE && this.#limits.download === undefined) return this.#batch.get(path, range);
    const bytes = new Uint8Array(range.length);
    return (await this.getInto(path, range.offset, bytes)) ? bytes : undefined;
  }

  async getInto(path: string, offset: number, target: Uint8Array): Promise<boolean> {
    checkPath(path);
    const range = { offset, length: target.length };
    checkRange(path, Number.MAX_SAFE_INTEGER, range);
    if (target.length === 0) return (await this.#batch.get(path, range)) !== undefined;
    const headers = { range: `bytes=${offset}-${offset + target.length - 1}` };
    const reply = await this.#ask('get', path, { headers });
    if (reply === undefined) return false;
    const length = numberIn(reply, 'content-length', MOST_OBJECT_BYTES);
    if (length !== target.length) {
      reply.stream.destroy();
      throw new NeoError('failed', `${this.location} does not answer ranges`);
    }
    await this.#read(reply, target);
    return true;
  }

  #read({ stream, memory }: Reply, target: Uint8Array): Promise<void> {
    return readingOf(readBody(stream, target, this.#limits.download, (piece) => memory.copied(piece)));
  }

  async #ranges(ranges: readonly AskedRange[]): Promise<readonly RangeAnswer[]> {
    const { stream } = present(await this.#ask('ranges', '', jsonBody({ ranges })));
    const lengths = ranges.map(([, , length]) => length);
    const most = lengths.reduce((sum, length) => sum + 4 + length, 0);
    return decodeRanges(await wholeOf(stream, most), lengths);
  }

  async *list(folder: string): AsyncIterable<ObjectInfo> {
    checkFolder(folder);
    let after = '';
    for (let isMore = true; isMore; ) {
      const query = new URLSearchParams({ folder, after });
      const page = await this.#json('list', listSchema, `?${query}`);
      for (const [path, size, modified] of page.objects) {
        // Else a server could make a list without end, or one of other folders.
        if (!isPath(path) || path <= after || !(folder === '' || path.startsWith(`${folder}/`))) {
          throw new NeoError('failed', `${this.location} lists what was not asked for`);
        }
        after = path;
        yield { path, size, modified };
      }
      isMore = page.next !== null;
      if (isMore && page.next !== after) throw new NeoError('failed', `${this.location} lists without end`);
    }
  }

  async tree(prefixes: readonly string[]): Promise<readonly TreeNode[]> {
    const { nodes } = await this.#json('tree', nodesSchema, '', jsonBody({ prefixes }));
    return nodes;
  }

  async stat(path: string): Promise<ObjectInfo | undefined> {
    checkPath(path);
    const reply = await this.#ask('stat', path);
    if (reply === undefined) return undefined;
    reply.stream.resume();
    const size = numberIn(reply, 'content-length', Number.MAX_SAFE_INTEGER);
    return { path, size, modified: numberIn(reply, 'neo-modified', 8.64e15) };
  }

  async remove(path: string): Promise<void> {
    checkPath(path);
    (await this.#ask('remove', path))?.stream.resume();
  }

  async now(): Promise<number> {
    return (await this.#json('time', timeSchema)).now;
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #json<T extends z.ZodMiniType>(verb: Verb, schema: T, query = '', more: Sent = {}): Promise<z.infer<T>> {
    const { stream } = present(await this.#ask(verb, '', more, query));
    const parsed = schema.safeParse(await jsonOf(stream, MOST_JSON_BYTES));
    if (!parsed.success) throw new NeoError('failed', `${this.location} answers ${verb} with something else`);
    return parsed.data;
  }

  #ask(verb: Verb, path: string, more: Sent = {}, query = ''): Promise<Reply | undefined> {
    const doing = `${verb} ${path === '' ? this.location : path}`;
    return this.#connection.ask({
      ...more,
      method: VERBS[verb].method,
      url: urlOf(verb, this.#target, path) + query,
      doing,
    });
  }
}

function jsonBody(value: unknown): Sent {
  const body = new TextEncoder().encode(JSON.stringify(value));
  return { headers: { 'content-type': 'application/json', 'content-length': body.length }, body };
}

function present(reply: Reply | undefined): Reply {
  if (reply === undefined)
    throw new NeoError('failed', 'the server says that there is no such object where none was asked for');
  return reply;
}

function numberIn({ headers, stream }: Reply, name: string, most: number): number {
  const text = headers[name];
  const value = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= most) return value;
  stream.destroy();
  throw new NeoError('failed', `the server answers without a valid ${name}`);
}
