/**
 * Work of which no backup can do less: `node bench/limit-work.ts blake3 FOLDER` hashes every file with the library that
 * neo uses; `node bench/limit-work.ts write FOLDER FILE` writes as many bytes as the folder holds, and makes them last.
 */
import fs from 'node:fs';
import { Blake3Hasher } from '@napi-rs/blake-hash';
import { filesBelow } from './corpus-files.ts';

const PIECE = 4 << 20;

function hashFiles(folder: string): void {
  const piece = Buffer.allocUnsafe(PIECE);
  for (const { path } of filesBelow(folder, () => true)) {
    const hasher = new Blake3Hasher();
    const fd = fs.openSync(path, 'r');
    for (let length = fs.readSync(fd, piece); length > 0; length = fs.readSync(fd, piece)) {
      hasher.update(piece.subarray(0, length));
    }
    fs.closeSync(fd);
    hasher.digestBuffer();
  }
}

function writeBytes(bytes: number, path: string): void {
  const piece = Buffer.alloc(PIECE, 'x');
  const fd = fs.openSync(path, 'w');
  for (let left = bytes; left > 0; left -= PIECE) fs.writeSync(fd, piece, 0, Math.min(left, PIECE));
  fs.fsyncSync(fd);
  fs.closeSync(fd);
}

const [work, folder = '.', path = ''] = process.argv.slice(2);
if (work === 'blake3') hashFiles(folder);
else
  writeBytes(
    filesBelow(folder, () => true).reduce((sum, { size }) => sum + size, 0),
    path,
  );
