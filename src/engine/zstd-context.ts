/**
 * zstd contexts of node:zlib that are kept. Its one-shot functions make a context for each call and give its tables,
 * half a megabyte at the usual level, back to the system: for a bundle of 128 KiB that takes as long as compressing it.
 * Node has no public way to keep one, so this goes, as the package minizlib does, by the stream's handle; whatever is
 * not as expected there (another Node) means no kept context, and the one-shot functions serve.
 */
import { Buffer } from 'node:buffer';
import { constants, createZstdCompress, createZstdDecompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/** Runs one whole frame through; undefined when it failed, or did not fit. */
interface Context {
  run(input: Uint8Array, output: Uint8Array): number | undefined;
}

interface Handle {
  readonly writeSync: (...args: readonly (number | Uint8Array)[]) => void;
  onerror: unknown;
}

function isHandle(value: unknown): value is Handle {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'writeSync') === 'function';
}

function contextOf(stream: object): Context | undefined {
  const handle: unknown = Reflect.get(stream, '_handle');
  /** Bytes of output, then of input, that were left over. */
  const left: unknown = Reflect.get(stream, '_writeState');
  if (!isHandle(handle) || !(left instanceof Uint32Array) || left.length !== 2) return undefined;
  let failed = false;
  handle.onerror = () => {
    failed = true;
  };
  return {
    run(input, output) {
      failed = false;
      left.fill(0);
      handle.writeSync(constants.ZSTD_e_end, input, 0, input.length, output, 0, output.length);
      const [room = 0, rest = 0] = left;
      // Without a byte of room more might have come.
      return failed || rest > 0 || room === 0 ? undefined : output.length - room;
    },
  };
}

/** Makes it at first use, and anew after a failure. */
class KeptContext {
  readonly #make: () => Context | undefined;
  #context: Context | undefined;

  constructor(make: () => Context | undefined) {
    this.#make = make;
  }

  run(input: Uint8Array, output: Uint8Array): number | undefined {
    this.#context ??= this.#make();
    const length = this.#context?.run(input, output);
    // In the midst of a frame it would take the next one for the rest of this.
    if (length === undefined) this.#context = undefined;
    return length;
  }
}

export interface ZstdContexts {
  /** A frame that has its content's size; undefined: use the one-shot function. */
  compress(bytes: Uint8Array, level: number): Uint8Array | undefined;
  /** The content of exactly one frame, known to be whole; undefined when it is damaged or the contexts do not work. */
  decompress(frame: Uint8Array, plainLength: number, room?: Uint8Array): Uint8Array | undefined;
}

/** Tables of deeper levels are too large to be kept. */
const MAX_KEPT_LEVEL = 6;

/** ZSTD_compressBound, and one byte so that the last write never fills the target. */
export function compressRoom(length: number): number {
  return length + (length >> 7) + 1024;
}

function compressor(level: number): Context | undefined {
  return contextOf(createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } }));
}

class Contexts implements ZstdContexts {
  readonly #compressors = new Map<number, KeptContext>();
  readonly #decompressor = new KeptContext(() => contextOf(createZstdDecompress()));
  #room = new Uint8Array(0);

  compress(bytes: Uint8Array, level: number): Uint8Array | undefined {
    if (level > MAX_KEPT_LEVEL) return undefined;
    let context = this.#compressors.get(level);
    if (context === undefined) {
      context = new KeptContext(() => compressor(level));
      this.#compressors.set(level, context);
    }
    const needed = compressRoom(bytes.length);
    if (this.#room.length < needed) this.#room = new Uint8Array(needed);
    const length = context.run(bytes, this.#room);
    return length === undefined ? undefined : this.#room.slice(0, length);
  }

  decompress(frame: Uint8Array, plainLength: number, room?: Uint8Array): Uint8Array | undefined {
    const fits = room !== undefined && plainLength < room.length;
    const plain = fits ? room.subarray(0, plainLength + 1) : Buffer.allocUnsafeSlow(plainLength + 1);
    const length = this.#decompressor.run(frame, plain);
    return length === plainLength ? plain.subarray(0, length) : undefined;
  }
}

const NONE: ZstdContexts = { compress: () => undefined, decompress: () => undefined };

/** Contexts that are seen to work, or that always give undefined. */
export function keptContexts(): ZstdContexts {
  const contexts = new Contexts();
  try {
    for (const sample of [Buffer.alloc(300, 'neo'), Buffer.from('neo')]) {
      const frame = contexts.compress(sample, 1);
      if (frame === undefined || !zstdDecompressSync(frame).equals(sample)) return NONE;
      const oneShot = zstdCompressSync(sample, { pledgedSrcSize: sample.length });
      const plain = contexts.decompress(oneShot, sample.length);
      if (plain === undefined || !sample.equals(plain)) return NONE;
    }
  } catch {
    return NONE;
  }
  return contexts;
}
