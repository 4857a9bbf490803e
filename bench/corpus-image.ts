/** Images of a disk: real files in blocks of 4 KiB with free space between them, and the same image after edits. */
import fs from 'node:fs';
import { join } from 'node:path';
import type { RealFile } from './corpus-files.ts';
import type { Seeded } from './seeded.ts';

const BLOCK = 4096;
/** After so many files of a hundred lies free space, of up to 160 blocks. */
const GAPS = 3;
const LONGEST_GAP = 160;
const INSERTIONS = 20;
const REWRITTEN = 0.02;
const RUNS = 64;
export const IMAGE = 'disk.img';

/** Files in an order that the seed gives until the image is full; where they do not suffice, the rest is free space. */
export function writeImage(folder: string, files: readonly RealFile[], size: number, seeded: Seeded): void {
  const fd = fs.openSync(join(folder, IMAGE), 'w+');
  let at = fs.writeSync(fd, seeded.bytes(BLOCK));
  for (const { path } of seeded.shuffled(files)) {
    if (at >= size) break;
    const bytes = fs.readFileSync(path).subarray(0, size - at);
    fs.writeSync(fd, bytes, 0, bytes.length, at);
    at += Math.ceil(bytes.length / BLOCK) * BLOCK;
    if (seeded.below(100) < GAPS) at += BLOCK * (1 + seeded.below(LONGEST_GAP));
  }
  fs.ftruncateSync(fd, size);
  // Free space is read as zeros either way; written ones, as most images have them.
  fillHoles(fd, size);
  fs.closeSync(fd);
}

function fillHoles(fd: number, size: number): void {
  const block = Buffer.alloc(1 << 20);
  for (let at = 0; at < size; at += block.length) {
    const length = fs.readSync(fd, block, 0, block.length, at);
    fs.writeSync(fd, block, 0, length, at);
  }
}

/** 2 % of the blocks, each anywhere or together in 64 runs. */
export function rewrittenBlocks(blocks: number, inRuns: boolean, seeded: Seeded): number[] {
  const count = Math.floor(blocks * REWRITTEN);
  if (!inRuns) return seeded.sample(blocks, count);
  const length = Math.floor(count / RUNS);
  return seeded.sample(blocks - length, RUNS).flatMap((first) => Array.from({ length }, (_, n) => first + n));
}

/** The image with 2 % of its blocks rewritten, and 1 to 4,096 bytes put in at 20 places. */
export function writeEdited(from: string, to: string, inRuns: boolean, seeded: Seeded): void {
  const image = fs.readFileSync(join(from, IMAGE));
  for (const block of rewrittenBlocks(image.length / BLOCK, inRuns, seeded)) {
    image.set(seeded.bytes(BLOCK), block * BLOCK);
  }
  const fd = fs.openSync(join(to, IMAGE), 'w');
  let written = 0;
  for (const place of seeded.sample(image.length, INSERTIONS)) {
    fs.writeSync(fd, image, written, place - written);
    fs.writeSync(fd, seeded.bytes(1 + seeded.below(BLOCK)));
    written = place;
  }
  fs.writeSync(fd, image, written, image.length - written);
  fs.closeSync(fd);
}
