/** Whether a blob is worth compressing, and its payload either way. */
import { copyInto } from '../core/bytes.ts';
import { CODECS, type Codec } from './aead.ts';
import type { Engine } from './engine.ts';
import { MAX_FRAME_CONTENT } from './frame.ts';

export interface Payload {
  readonly codec: Codec;
  readonly payload: Uint8Array;
}

/** Below this a look ahead costs more than compressing. */
const PROBE_FROM = 32 * 1024;
const SAMPLE_LENGTH = 4096;
const SAMPLES = 4;
/** A sample must give back one byte in 32, or the blob stands as it is. */
const WORTH = 31 / 32;

const sample = new Uint8Array(SAMPLES * SAMPLE_LENGTH);

/** Four slices, spread over the blob: a compressed file often begins and ends with text. */
function takeSample(plaintext: Uint8Array): void {
  const stride = Math.floor((plaintext.length - SAMPLE_LENGTH) / (SAMPLES - 1));
  for (let i = 0; i < SAMPLES; i++) {
    copyInto(sample, i * SAMPLE_LENGTH, plaintext.subarray(i * stride, i * stride + SAMPLE_LENGTH));
  }
}

/** Where bytes carry fewer bits than this (Shannon's entropy), coding them one by one makes it a tenth smaller. */
const PLAIN_BITS = 7;
/** An odd number: no column of a table is counted alone. */
const COUNT_EVERY = 3;
const histogram = new Uint32Array(256);

/** Text and programs are told from noise by counting, at a tenth of what compressing the sample costs. */
function hasFewBits(): boolean {
  histogram.fill(0);
  for (let at = 0; at < sample.length; at += COUNT_EVERY) {
    const byte = sample[at] ?? 0;
    histogram[byte] = (histogram[byte] ?? 0) + 1;
  }
  const counted = Math.ceil(sample.length / COUNT_EVERY);
  let bits = 0;
  for (let byte = 0; byte < 256; byte++) {
    const count = histogram[byte] ?? 0;
    if (count > 0) bits -= count * Math.log2(count / counted);
  }
  return bits < PLAIN_BITS * counted;
}

function looksIncompressible(engine: Engine, plaintext: Uint8Array): boolean {
  if (plaintext.length < PROBE_FROM) return false;
  takeSample(plaintext);
  if (hasFewBits()) return false;
  return engine.compress(sample, 1).length > sample.length * WORTH;
}

/**
 * The payload to seal: the plaintext itself (no copy) when the level is 0, when a probe says that it will not shrink,
 * when it is too long for one frame, or when its frame is not smaller; else its zstd frame.
 */
export function encodePayload(engine: Engine, plaintext: Uint8Array, level: number): Payload {
  const raw: Payload = { codec: CODECS.raw, payload: plaintext };
  if (level <= 0 || plaintext.length === 0 || plaintext.length > MAX_FRAME_CONTENT) return raw;
  if (looksIncompressible(engine, plaintext)) return raw;
  const frame = engine.compress(plaintext, level);
  return frame.length < plaintext.length ? { codec: CODECS.zstd, payload: frame } : raw;
}
