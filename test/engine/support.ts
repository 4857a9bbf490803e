/** What the engine tests share: both engines, vectors, and views as awkward as the program's own. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { type ErrorCode, isNeoError } from '../../src/core/errors.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { createNativeEngine } from '../../src/engine/native.ts';
import { createPortableEngine } from '../../src/engine/portable.ts';

export const native: Engine = await createNativeEngine();
export const portable: Engine = await createPortableEngine();
export const engines = [
  ['native', native],
  ['portable', portable],
] as const;
/** Who writes, who reads. */
export const pairs = engines.flatMap(([a, writer]) => engines.map(([b, reader]) => [a, b, writer, reader] as const));

/** Published JSON: the caller names its shape. */
export function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/engine/${name}.json`, import.meta.url), 'utf8')) as T;
}

export function expectNeoError(run: () => unknown, code: ErrorCode): void {
  let thrown: unknown;
  try {
    run();
  } catch (error) {
    thrown = error;
  }
  expect(isNeoError(thrown, code), `expected a NeoError ${code}, got ${String(thrown)}`).toBe(true);
}

/** A copy at an odd offset of a larger SharedArrayBuffer, with other bytes around it. */
export function sharedView(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(new SharedArrayBuffer(bytes.length + 32)).fill(0xee);
  whole.set(bytes, 13);
  return whole.subarray(13, 13 + bytes.length);
}

/** The same in memory of one's own. */
export function oddView(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(bytes.length + 16).fill(0xee);
  whole.set(bytes, 5);
  return whole.subarray(5, 5 + bytes.length);
}

/** Bytes that look random and are the same each time (xorshift32). */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state >>> 7;
  }
  return bytes;
}

/** Words in changing order: compresses about threefold. */
export function prose(length: number, seed = 1): Uint8Array {
  const words = ['backup ', 'of the ', 'whole ', 'disk, ', 'never ', 'locked. ', 'chunk ', '0x1f '];
  const bytes = new Uint8Array(length);
  const order = noise(length, seed);
  for (let at = 0, i = 0; at < length; i++) {
    for (const char of words[(order[i] ?? 0) & 7] ?? '') {
      if (at < length) bytes[at++] = char.charCodeAt(0);
    }
  }
  return bytes;
}
