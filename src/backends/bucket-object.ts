/** An object of a bucket that is being read: in large parts, the next of which is on its way while one is used, so that no piece costs a way of its own. */
import { Buffer } from 'node:buffer';
import { copyInto } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { ByteRange, OpenObject } from './backend.ts';
import type { BucketLine } from './bucket-line.ts';
import { checkRange } from './path.ts';

interface Block {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly filled: Promise<void>;
}

export interface BucketObjectOptions {
  readonly line: BucketLine;
  /** In the bucket. */
  readonly key: string;
  /** For people. */
  readonly path: string;
  readonly size: number;
  /** What will be read, from its beginning on; without it nothing is read ahead. */
  readonly wanted: ByteRange | undefined;
}

export class BucketObject implements OpenObject {
  readonly size: number;
  readonly #options: BucketObjectOptions;
  readonly #end: number;
  readonly #done: () => void;
  /** Of what was read, the last two; memory that is free again. */
  #blocks: Block[] = [];
  #spare: Uint8Array | undefined;
  /** One reads at a time. */
  #last: Promise<void> = Promise.resolve();

  constructor(options: BucketObjectOptions) {
    const { size, wanted, line } = options;
    this.size = size;
    this.#options = options;
    this.#end = wanted === undefined ? 0 : Math.min(size, wanted.offset + wanted.length);
    this.#done = line.reads();
  }

  async readInto(offset: number, target: Uint8Array): Promise<void> {
    const before = this.#last;
    const mine = before.then(() => this.#read(offset, target));
    this.#last = mine.catch(() => undefined);
    await mine;
  }

  async #read(offset: number, target: Uint8Array): Promise<void> {
    const { path } = this.#options;
    checkRange(path, this.size, { offset, length: target.length });
    for (let at = 0; at < target.length; ) {
      const from = offset + at;
      if (from >= this.#end) return this.#fetch(from, target.subarray(at));
      const block = this.#blockAt(from);
      await block.filled;
      const inBlock = from - block.offset;
      const length = Math.min(target.length - at, block.bytes.length - inBlock);
      copyInto(target, at, block.bytes.subarray(inBlock, inBlock + length));
      at += length;
    }
  }

  /** The one behind it is asked for as well. */
  #blockAt(offset: number): Block {
    const found = this.#blocks.findIndex((each) => offset >= each.offset && offset < each.offset + each.bytes.length);
    for (const left of this.#blocks.splice(0, found === -1 ? 2 : found)) this.#free(left);
    const first = this.#blocks[0] ?? this.#ask(offset);
    const next = first.offset + first.bytes.length;
    if (this.#blocks.length === 0) this.#blocks.push(first);
    if (this.#blocks.length === 1 && next < this.#end) this.#blocks.push(this.#ask(next));
    return first;
  }

  #free({ bytes, filled }: Block): void {
    const free = (): void => {
      this.#spare = bytes;
    };
    // Until then it is being written to.
    void filled.then(free, () => undefined);
  }

  #ask(offset: number): Block {
    const length = Math.min(this.#options.line.blockBytes, this.#end - offset);
    const spare = this.#spare;
    this.#spare = undefined;
    // Not cleared: nobody reads what was not filled.
    const room = spare !== undefined && spare.buffer.byteLength >= length ? spare.buffer : newRoom(length);
    const bytes = new Uint8Array(room, 0, length);
    const filled = this.#fetch(offset, bytes);
    filled.catch(() => {
      // Whoever reads it again asks again.
      this.#blocks = this.#blocks.filter((each) => each.bytes !== bytes);
    });
    return { offset, bytes, filled };
  }

  async #fetch(offset: number, target: Uint8Array): Promise<void> {
    const { line, key, path } = this.#options;
    if (await line.steady.getInto(key, offset, target)) return;
    throw new NeoError('unreachable', `${path} was removed while it was read`);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#blocks.map(({ filled }) => filled));
    this.#blocks = [];
    this.#spare = undefined;
    this.#done();
  }
}

function newRoom(length: number): ArrayBufferLike {
  return Buffer.allocUnsafeSlow(length).buffer;
}
