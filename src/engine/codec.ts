/** Whether a blob is worth compressing, and its payload either way. */
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

/** Four slices, spread over the blob: a compressed file often begins and ends with text. */
function sampleOf(plaintext: Uint8Array): Uint8Array {
  const sample = new Uint8Array(SAMPLES * SAMPLE_LENGTH);
  const stride = Math.floor((plaintext.length - SAMPLE_LENGTH) / (SAMPLES - 1));
  for (let i = 0; i < SAMPLES; i++) {
    sample.set(plaintext.subarray(i * stride, i * stride + SAMPLE_LENGTH), i * SAMPLE_LENGTH);
  }
  return sample;
}

function looksIncompressible(engine: Engine, plaintext: Uint8Array): boolean {
  if (plaintext.length < PROBE_FROM) return false;
  const sample = sampleOf(plaintext);
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
