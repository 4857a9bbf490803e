/** The verbs of objects, over the storage of one target. Bodies go through piece by piece: none is in memory as a whole. */
import type { ByteRange, ObjectInfo } from '../backends/backend.ts';
import { checkRange } from '../backends/path.ts';
import { concatBytes, toHex } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { Engine } from '../engine/engine.ts';
import {
  type ListPage,
  MOST_LISTED,
  MOST_RANGE_BYTES,
  type RangesRequest,
  rangesSchema,
} from '../protocol/messages.ts';
import { promisedHash } from '../protocol/object-names.ts';
import { type ObjectTree, prefixesSchema, type TreeNode } from '../protocol/object-tree.ts';
import { ABSENT, BEYOND, encodeRange, rangeHead } from '../protocol/ranges.ts';
import type { Origin } from './changes.ts';
import type { Answer, Pieces, ServerRequest } from './handler.ts';
import { countedBody, pieceSize } from './piece-size.ts';
import type { CountedTarget } from './quota.ts';
import { readAhead } from './read-ahead.ts';
import { readJson } from './request-json.ts';
import { checkPathSent } from './sent-paths.ts';

/** Ranges go out in larger pieces than objects: the more of one object are read together, the less often it is opened. */
const RANGE_PIECES = 4;
/** Of a request for some thousand ranges. */
const MOST_RANGES_BYTES = 1 << 20;
const MOST_TREE_BYTES = 16 << 10;
/** Packs are far smaller; what is larger is no object of ours. */
export const MOST_OBJECT_BYTES: number = 1 << 30;

/** For those who may not read all. Each throws NeoError permission-denied. */
export interface ReadGuard {
  list(folder: string): void;
  /** As a whole, and that it is there. */
  object(path: string): Promise<void>;
  range(path: string, offset: number, length: number): Promise<void>;
}

/** What else is done where objects come and go. */
export interface ObjectHooks {
  /** All that is there, and what was removed. `isFresh`: nothing that was there before it was asked for is missing. */
  tree(isFresh: boolean): Promise<ObjectTree>;
  /** Before one goes. @throws NeoError what is refused */
  removing(info: ObjectInfo): Promise<void>;
  /** All bytes of one are here, and right; it is not there yet. @throws NeoError what is refused */
  coming(path: string): Promise<void>;
  /** What was about to go has gone, or could not. */
  removed(path: string): Promise<void>;
  /** There was nothing to remove. */
  absent(path: string): Promise<void>;
  /** One is there durably, before whoever put it is told. `isNew`: it was not there before. */
  published(path: string, size: number, isNew: boolean): Promise<void>;
}

export class ObjectVerbs {
  readonly #engine: Engine;
  readonly #storage: CountedTarget;
  readonly #guard: ReadGuard | undefined;
  readonly #hooks: ObjectHooks;
  readonly #origin: Origin;

  constructor(
    engine: Engine,
    storage: CountedTarget,
    guard: ReadGuard | undefined,
    hooks: ObjectHooks,
    origin: Origin,
  ) {
    this.#engine = engine;
    this.#storage = storage;
    this.#guard = guard;
    this.#hooks = hooks;
    this.#origin = origin;
  }

  async time(): Promise<Answer> {
    return { type: 'json', value: { now: await this.#storage.now() } };
  }

  async list({ query }: ServerRequest): Promise<Answer> {
    this.#guard?.list(query.get('folder') ?? '');
    const objects: ObjectInfo[] = [];
    let next: string | null = null;
    for await (const info of this.#storage.listAfter(query.get('folder') ?? '', query.get('after') ?? '')) {
      if (objects.length === MOST_LISTED) {
        next = objects.at(-1)?.path ?? null;
        break;
      }
      objects.push(info);
    }
    const page: ListPage = { objects: objects.map(({ path, size, modified }) => [path, size, modified]), next };
    return { type: 'json', value: page };
  }

  async tree({ body }: ServerRequest): Promise<Answer> {
    const parsed = prefixesSchema.safeParse(await readJson(body, MOST_TREE_BYTES));
    if (!parsed.success) throw new NeoError('usage', 'not a request for a tree: {"prefixes":["", "3f", …]}');
    // Whoever asks for all begins anew.
    const tree = await this.#hooks.tree(parsed.data.prefixes.includes(''));
    const nodes: TreeNode[] = [];
    for (const prefix of parsed.data.prefixes) nodes.push(await tree.node(prefix));
    return { type: 'json', value: { nodes } };
  }

  async stat({ path }: ServerRequest): Promise<Answer> {
    await this.#guard?.object(path);
    const info = await this.#storage.stat(path);
    return info === undefined ? { type: 'absent' } : { type: 'object', info };
  }

  async get({ path, range }: ServerRequest): Promise<Answer> {
    await (range === undefined ? this.#guard?.object(path) : this.#guard?.range(path, range.offset, range.length));
    const info = await this.#storage.stat(path);
    if (info === undefined) return { type: 'absent' };
    const wanted = range ?? { offset: 0, length: info.size };
    checkRange(path, info.size, wanted);
    return { type: 'object', info, range: wanted, bytes: countedBody(this.#pieces(path, wanted)) };
  }

  async *#pieces(path: string, range: ByteRange): Pieces {
    if (range.length === 0) return;
    const object = await this.#storage.openObject(path, range);
    if (object === undefined) throw new NeoError('unreachable', `${path} was removed before it was read`);
    try {
      yield* readAhead(object, range);
    } finally {
      await object.close();
    }
  }

  /** Visible only when its bytes are those that its name promises, whoever says otherwise. */
  async put({ path, body, length }: ServerRequest): Promise<Answer> {
    if (length === undefined) throw new NeoError('usage', 'an object needs its length: Content-Length');
    if (length > MOST_OBJECT_BYTES) {
      throw new NeoError('usage', `an object of ${length} bytes is larger than ${MOST_OBJECT_BYTES}`);
    }
    const promised = promisedHash(path);
    const hooks = this.#hooks;
    const hasher = promised === undefined ? undefined : this.#engine.blake3Hasher();
    let got = 0;
    const counted = async function* (): Pieces {
      for await (const piece of body) {
        got += piece.length;
        if (got > length) throw new NeoError('usage', `more than the ${length} bytes that were announced`);
        hasher?.update(piece);
        yield piece;
      }
      if (got < length) throw new NeoError('unreachable', `cut off after ${got} of ${length} bytes`);
      if (hasher !== undefined && toHex(hasher.digest()) !== promised) {
        throw new NeoError('integrity', `the bytes of ${path} are not those of its name`);
      }
      await hooks.coming(path);
    };
    const isNew = await this.#storage.putPieces(path, counted(), length, this.#origin);
    await this.#hooks.published(path, length, isNew);
    return { type: 'done' };
  }

  async remove({ path }: ServerRequest): Promise<Answer> {
    const info = await this.#storage.stat(path);
    if (info !== undefined) await this.#removeKnown(info);
    else {
      await this.#storage.remove(path, this.#origin);
      await this.#hooks.absent(path);
    }
    return { type: 'done' };
  }

  async #removeKnown(info: ObjectInfo): Promise<void> {
    await this.#hooks.removing(info);
    try {
      await this.#storage.remove(info.path, this.#origin);
    } finally {
      await this.#hooks.removed(info.path);
    }
  }

  async ranges({ body }: ServerRequest): Promise<Answer> {
    const { ranges } = await readRanges(body);
    const guard = this.#guard;
    if (guard !== undefined)
      await Promise.all(ranges.map(([path, offset, length]) => guard.range(path, offset, length)));
    return { type: 'bytes', bytes: countedBody(this.#rangePieces(ranges)) };
  }

  /** As many at a time as make one piece; those of one object together, so that it is opened once. The next are read while these go out. */
  async *#rangePieces(ranges: RangesRequest['ranges']): Pieces {
    for (let batch = this.#batchFrom(ranges, 0); batch !== undefined; ) {
      const next = this.#batchFrom(ranges, batch.to);
      if (batch.read === undefined) yield* this.#largeRange(ranges[batch.to - 1] ?? ['', 0, 0]);
      else yield await batch.read;
      batch = next;
    }
  }

  /** Without `read`: one range that is more than a piece. */
  #batchFrom(ranges: RangesRequest['ranges'], from: number): Batch | undefined {
    if (from >= ranges.length) return undefined;
    const to = endOfPiece(ranges, from);
    if (to === from) return { to: from + 1, read: undefined };
    const read = this.#readTogether(ranges.slice(from, to));
    // Whoever waits for it learns of it, if anybody still does.
    read.catch(() => undefined);
    return { to, read };
  }

  /** One that is more than a piece. */
  async *#largeRange([path, offset, length]: RangesRequest['ranges'][number]): Pieces {
    const info = await this.#storage.stat(path);
    if (info === undefined) yield encodeRange(ABSENT);
    else if (offset + length > info.size) yield encodeRange(BEYOND);
    else {
      yield rangeHead(length);
      yield* this.#pieces(path, { offset, length });
    }
  }

  async #readTogether(ranges: RangesRequest['ranges']): Promise<Uint8Array> {
    const places = new Map<string, number[]>();
    for (const [i, [path]] of ranges.entries()) {
      const known = places.get(path);
      if (known === undefined) places.set(path, [i]);
      else known.push(i);
    }
    const answers: Uint8Array[] = [];
    const read = [...places].map(async ([path, at]) => {
      const asked = at.map((i) => ({ offset: ranges[i]?.[1] ?? 0, length: ranges[i]?.[2] ?? 0 }));
      const found = await this.#storage.getRanges(path, asked);
      for (const [n, i] of at.entries()) answers[i] = encodeRange(found === undefined ? ABSENT : (found[n] ?? BEYOND));
    });
    await Promise.all(read);
    // One piece, one frame after the other: to send each range by itself would take longer than to read it.
    return concatBytes(...answers);
  }
}

/** Ranges that go out together, up to `to`. */
interface Batch {
  readonly to: number;
  readonly read: Promise<Uint8Array> | undefined;
}

/** Where the ranges end that make one piece from `from` on; `from` where the first is more than a piece. */
function endOfPiece(ranges: RangesRequest['ranges'], from: number): number {
  const most = RANGE_PIECES * pieceSize();
  let to = from;
  for (let bytes = 0; to < ranges.length; to++) {
    bytes += ranges[to]?.[2] ?? 0;
    if (bytes > most) break;
  }
  return to;
}

async function readRanges(body: Pieces): Promise<RangesRequest> {
  const parsed = rangesSchema.safeParse(await readJson(body, MOST_RANGES_BYTES));
  if (!parsed.success) throw new NeoError('usage', 'not a request for ranges: {"ranges":[[path, offset, length], …]}');
  for (const [path] of parsed.data.ranges) checkPathSent(path);
  const bytes = parsed.data.ranges.reduce((sum, [, , length]) => sum + length, 0);
  if (bytes > MOST_RANGE_BYTES) {
    throw new NeoError('usage', `ranges of ${bytes} bytes at once are more than ${MOST_RANGE_BYTES}`);
  }
  return parsed.data;
}
