/** What makes two runs alike before they begin. */
import fs from 'node:fs';
import { join } from 'node:path';
import { filesBelow } from './corpus-files.ts';

/** Reads every file once, so that all who follow find it in memory. @returns bytes */
export function readAll(folder: string): number {
  const piece = Buffer.allocUnsafe(1 << 20);
  let bytes = 0;
  for (const { path } of filesBelow(folder, () => true)) {
    const fd = fs.openSync(path, 'r');
    for (let length = 1; length > 0; bytes += length) length = fs.readSync(fd, piece);
    fs.closeSync(fd);
  }
  return bytes;
}

/** Fills that many bytes of a file system in memory and gives them back: the first touch costs a guest far more. */
export function touchMemory(folder: string, bytes: number): void {
  const path = join(folder, 'touched');
  const piece = Buffer.alloc(16 << 20, 1);
  const fd = fs.openSync(path, 'w');
  for (let left = bytes; left > 0; left -= piece.length) fs.writeSync(fd, piece, 0, Math.min(left, piece.length));
  fs.closeSync(fd);
  fs.rmSync(path);
}
