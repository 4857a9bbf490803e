/**
 * `node bench/chunker.ts [MiB]`: the chunker's speed, the sizes of its chunks on random data, and how much of an image
 * (1 GiB unless told otherwise) is new after edits, against chunks of fixed size. Prints Markdown; everything but the
 * speed is the same on each run. The findings are in docs/decisions/0002-chunker.md.
 */
import { Blake3Hasher } from '@napi-rs/blake-hash';
import type { Chunker, ChunkerParameters } from '../src/chunker/chunker.ts';
import { createReferenceChunker } from '../src/chunker/fastcdc.ts';
import { createChunker } from '../src/chunker/wasm.ts';
import { cutAll, keyMaterial, xorshift } from '../test/chunker/inputs.ts';

const KIB = 1024;
const MIB = KIB * KIB;
const BLOCK = 4 * KIB;
const READ = 16 * MIB;

/** An input as views that follow one another. */
type Pieces = readonly Uint8Array[];

function parametersFor(average: number): ChunkerParameters {
  return { min: average / 4, average, max: average * 4 };
}

function chunkerFor(average: number, capacity = READ): Chunker {
  return createChunker({ ...keyMaterial(xorshift(1, 32)), parameters: parametersFor(average), capacity });
}

/** Feeds pieces through the chunker's buffer; with `fixed`, chunks of exactly that size instead. */
function eachChunk(chunker: Chunker, pieces: Pieces, fixed: number, take: (chunk: Uint8Array) => void): void {
  const { buffer } = chunker;
  let to = 0;
  const drain = (final: boolean): void => {
    let from = 0;
    while (from < to) {
      const whole = fixed === 0 ? chunker.cut(from, to, final) : fixed;
      const length = final ? Math.min(whole, to - from) : whole;
      if (length === 0 || from + length > to) break;
      take(buffer.subarray(from, from + length));
      from += length;
    }
    buffer.copyWithin(0, from, to);
    to -= from;
  };
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + buffer.length - to);
      buffer.set(part, to);
      to += part.length;
      at += part.length;
      if (to === buffer.length) drain(false);
    }
  }
  drain(true);
}

/** Uniform integers below a bound, from one seed. */
function dice(seed: number): (bound: number) => number {
  const words = new Uint32Array(xorshift(seed, 4 * 65_536).buffer);
  let at = 0;
  return (bound) => Math.floor(((words[at++ % words.length] ?? 0) / 2 ** 32) * bound);
}

/** Random data; about a tenth of it lies in gaps of zeros of 4 KiB to 4 MiB. */
function makeImage(size: number): Uint8Array {
  const image = xorshift(2026, size);
  const roll = dice(5);
  for (let zeros = 0; zeros < size / 10; ) {
    const length = BLOCK * (1 + roll(KIB));
    const at = BLOCK * roll((size - length) / BLOCK);
    image.fill(0, at, at + length);
    zeros += length;
  }
  return image;
}

/** A list of [offset, bytes removed, bytes put there], laid over the image. */
type Edit = readonly [at: number, removed: number, put: Uint8Array];

function edited(image: Uint8Array, edits: readonly Edit[]): Pieces {
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const [at, removed, put] of edits.toSorted((a, b) => a[0] - b[0])) {
    if (at < from) continue;
    pieces.push(image.subarray(from, at), put);
    from = at + removed;
  }
  return [...pieces, image.subarray(from)];
}

/** 20 insertions of 1 to 4,096 bytes anywhere. */
function insertions(size: number): Edit[] {
  const roll = dice(20);
  return Array.from({ length: 20 }, (_, i) => [roll(size), 0, xorshift(100 + i, 1 + roll(BLOCK))]);
}

/** 2 % of all blocks get new content, in extents of so many blocks that lie anywhere. */
function rewrites(size: number, blocks: number): Edit[] {
  const roll = dice(21 + blocks);
  const extent = blocks * BLOCK;
  const count = Math.round((size * 0.02) / extent);
  const places = new Set<number>();
  while (places.size < count) places.add(roll(size / extent));
  return [...places].map((place) => [place * extent, extent, xorshift(1000 + place, extent)]);
}

function names(chunker: Chunker, pieces: Pieces, fixed: number, take: (name: string, length: number) => void): void {
  eachChunk(chunker, pieces, fixed, (chunk) => {
    take(new Blake3Hasher().update(chunk).digestBuffer().toString('latin1'), chunk.length);
  });
}

/** Bytes of the edited image in chunks that neither the image nor its own earlier part has, in per cent. */
function newBytes(chunker: Chunker, known: ReadonlySet<string>, pieces: Pieces, fixed: number): string {
  const seen = new Set(known);
  let [fresh, total] = [0, 0];
  names(chunker, pieces, fixed, (name, length) => {
    total += length;
    if (seen.has(name)) return;
    seen.add(name);
    fresh += length;
  });
  return ((100 * fresh) / total).toFixed(2);
}

function row(...cells: readonly (string | number)[]): void {
  console.log(`| ${cells.join(' | ')} |`);
}

function head(...cells: readonly string[]): void {
  row(...cells);
  row(...cells.map(() => '---'));
}

function speed(chunker: Chunker, input: Uint8Array): string {
  const times = Array.from({ length: 9 }, () => {
    const start = performance.now();
    cutAll(chunker, input);
    return performance.now() - start;
  }).sort((a, b) => a - b);
  // The copy into the buffer is part of cutAll: measured apart and taken off.
  const copies = Array.from({ length: 9 }, () => {
    const start = performance.now();
    chunker.buffer.set(input);
    return performance.now() - start;
  }).sort((a, b) => a - b);
  const median = (times[4] ?? 0) - (copies[4] ?? 0);
  return (input.length / MIB / (median / 1000)).toFixed(0);
}

function showSpeed(): void {
  const size = 64 * MIB;
  const text = new TextEncoder().encode(
    JSON.stringify(Array.from({ length: 40_000 }, (_, i) => ({ i, name: `file ${i}` }))),
  );
  const inputs: readonly [string, Uint8Array][] = [
    ['random', xorshift(3, size)],
    ['text', Buffer.alloc(size, text)],
    ['zeros', new Uint8Array(size)],
  ];
  console.log('\n## Speed, MiB/s on one core\n');
  head('average', ...inputs.map(([name]) => name));
  for (const average of [16, 128, 256, 512, 1024]) {
    const chunker = chunkerFor(average * KIB, size);
    row(`${average} KiB`, ...inputs.map(([, input]) => speed(chunker, input)));
  }
  const parameters = parametersFor(256 * KIB);
  const slow = createReferenceChunker({ ...keyMaterial(xorshift(1, 32)), parameters, capacity: 4 * MIB });
  row('256 KiB, reference', speed(slow, xorshift(3, MIB)), '', '');
}

function lengthsOf(average: number, input: Uint8Array): number[] {
  const lengths: number[] = [];
  eachChunk(chunkerFor(average), [input], 0, (chunk) => lengths.push(chunk.length));
  return lengths.sort((a, b) => a - b);
}

function showSizes(size: number): void {
  const input = xorshift(2025, size);
  console.log(`\n## Chunk sizes on ${size / MIB} MiB of random data, KiB\n`);
  head('average', 'chunks', 'mean', 'p5', 'p50', 'p95', 'at the maximum', 'index, MiB a TiB at 30 bytes');
  for (const average of [128, 256, 512, 1024]) {
    const lengths = lengthsOf(average * KIB, input);
    const mean = size / lengths.length;
    const at = (part: number): string => ((lengths[Math.floor(part * lengths.length)] ?? 0) / KIB).toFixed(0);
    const forced = lengths.filter((length) => length === 4 * average * KIB).length;
    const index = ((2 ** 40 / mean) * 30) / MIB;
    row(average, lengths.length, (mean / KIB).toFixed(1), at(0.05), at(0.5), at(0.95), forced, index.toFixed(0));
  }
  console.log('\nAverage 256 KiB, chunks by size:\n');
  const lengths = lengthsOf(256 * KIB, input);
  for (let low = 64; low < 1024; low += 32) {
    const count = lengths.filter((length) => Math.min(length / KIB, 1023) >= low && length / KIB < low + 32).length;
    if (count === 0) continue;
    console.log(
      `    ${String(low).padStart(4)} KiB ${String(count).padStart(5)} ${'#'.repeat(Math.ceil((count / lengths.length) * 200))}`,
    );
  }
}

function showDeduplication(size: number): void {
  const image = makeImage(size);
  const inserted = insertions(size);
  const scattered = rewrites(size, 1);
  const extents = rewrites(size, 16);
  const variants: readonly [string, Pieces][] = [
    ['20 insertions', edited(image, inserted)],
    ['insertions + 2 % of blocks rewritten', edited(image, [...scattered, ...inserted])],
    ['insertions + 2 % rewritten in extents of 64 KiB', edited(image, [...extents, ...inserted])],
  ];
  console.log(`\n## New bytes after edits of a ${size / MIB} MiB image, % (FastCDC / fixed size)\n`);
  head('average', ...variants.map(([name]) => name));
  for (const average of [128, 256, 512, 1024]) {
    const chunker = chunkerFor(average * KIB);
    const cells = [0, average * KIB].map((fixed) => {
      const known = new Set<string>();
      names(chunker, [image], fixed, (name) => known.add(name));
      return variants.map(([, pieces]) => newBytes(chunker, known, pieces, fixed));
    });
    row(`${average} KiB`, ...variants.map((_, i) => `${cells[0]?.[i]} / ${cells[1]?.[i]}`));
  }
}

const size = Number(process.argv[2] ?? 1024) * MIB;
showSpeed();
showSizes(size);
showDeduplication(size);
