/**
 * The JSON of all entries of a history, in frames that are sealed and compressed each for itself: a question about one
 * file opens one of a hundred. A frame is kept as it is when the history goes on.
 */
import { ByteWriter, equalBytes, utf8 } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import { openObject, sealObject } from '../../engine/aead.ts';
import type { Engine } from '../../engine/engine.ts';

/** Where the JSON of an entry stands. */
export interface JsonPlace {
  readonly frame: number;
  readonly offset: number;
  readonly length: number;
}

export interface JsonFrame {
  readonly sealed: Uint8Array;
  /** BLAKE3 of `sealed`. */
  readonly hash: Uint8Array;
  /** Bytes of JSON in it. */
  readonly length: number;
}

export interface FrameSealing {
  readonly engine: Engine;
  readonly random: Random;
  readonly key: Uint8Array;
  /** Of which repository. */
  readonly id: string;
}

/** Bytes of JSON: about a thousand entries. */
const FRAME = 512 << 10;
const LEVEL = 1;

export class JsonFrames {
  readonly frames: readonly JsonFrame[];
  readonly #sealing: FrameSealing;
  readonly #opened = new Map<number, Uint8Array>();

  /** @throws NeoError integrity where one is damaged, so that no answer finds that out half-way */
  constructor(sealing: FrameSealing, frames: readonly JsonFrame[]) {
    this.frames = frames;
    this.#sealing = sealing;
    for (const { sealed, hash } of frames) {
      if (!equalBytes(sealing.engine.blake3(sealed), hash)) throw new NeoError('integrity', 'history is damaged');
    }
  }

  /** @throws NeoError integrity for a place that is none */
  read({ frame, offset, length }: JsonPlace): Uint8Array {
    const bytes = this.#opened.get(frame) ?? this.#open(frame);
    if (offset + length > bytes.length) throw new NeoError('integrity', 'history is cut short');
    return bytes.subarray(offset, offset + length);
  }

  #open(number: number): Uint8Array {
    const frame = this.frames[number];
    if (frame === undefined) throw new NeoError('integrity', 'history is cut short');
    const { engine, key, id } = this.#sealing;
    const bytes = engine.decompress(openObject(engine, key, frame.sealed, aadOf(id)), frame.length);
    this.#opened.set(number, bytes);
    return bytes;
  }

  /** Those that the next writing need not make anew. @param used bytes of JSON that are asked for of all of them */
  kept(used: number): readonly JsonFrame[] {
    const all = this.frames.reduce((sum, { length }) => sum + length, 0);
    // Of what is gone by now nothing is cut out: all is made anew when it is the greater part.
    if (all > 2 * used) return [];
    const last = this.frames.at(-1);
    return last !== undefined && last.length < FRAME / 2 ? this.frames.slice(0, -1) : this.frames;
  }
}

/** Appends JSON to frames that are kept. */
export class FrameWriter {
  readonly #sealing: FrameSealing;
  readonly #frames: JsonFrame[];
  #open = new ByteWriter(FRAME);

  constructor(sealing: FrameSealing, kept: readonly JsonFrame[]) {
    this.#sealing = sealing;
    this.#frames = [...kept];
  }

  write(json: Uint8Array): JsonPlace {
    if (this.#open.length > 0 && this.#open.length + json.length > FRAME) this.#close();
    const offset = this.#open.length;
    this.#open.bytes(json);
    return { frame: this.#frames.length, offset, length: json.length };
  }

  /** All frames. */
  finish(): readonly JsonFrame[] {
    if (this.#open.length > 0) this.#close();
    return this.#frames;
  }

  #close(): void {
    const { engine, key, random, id } = this.#sealing;
    const json = this.#open.finish();
    const sealed = sealObject(engine, key, engine.compress(json, LEVEL), aadOf(id), random);
    this.#frames.push({ sealed, hash: engine.blake3(sealed), length: json.length });
    this.#open = new ByteWriter(FRAME);
  }
}

function aadOf(id: string): Uint8Array {
  return utf8(`history frame ${id}`);
}
