import { expect } from 'vitest';
import type { ChunkerOptions } from '../../src/chunker/chunker.ts';
import { createReferenceChunker } from '../../src/chunker/fastcdc.ts';
import { createChunker } from '../../src/chunker/wasm.ts';
import { cutAll } from './inputs.ts';

/** Cuts of the fast chunker, after comparing them with the reference and with what any chunking must be. */
export function agreedCuts(options: ChunkerOptions, input: Uint8Array): number[] {
  const cuts = cutAll(createChunker(options), input);
  expect(cuts).toEqual(cutAll(createReferenceChunker(options), input));
  const { min, max } = options.parameters;
  for (const [i, length] of cuts.entries()) {
    expect(length).toBeLessThanOrEqual(max);
    if (i < cuts.length - 1) expect(length).toBeGreaterThanOrEqual(min);
  }
  expect(cuts.reduce((sum, length) => sum + length, 0)).toBe(input.length);
  return cuts;
}
