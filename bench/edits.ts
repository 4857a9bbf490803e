/** What a day's work does to files. */
import fs from 'node:fs';
import { filesBelow } from './corpus-files.ts';
import type { Seeded } from './seeded.ts';

const EDITED = 0.01;
const PATCH = 512;

/** Of a hundredth of the files, in turn: a line more at the end, 512 new bytes inside, a copy beside it, or gone. */
export function editFiles(folder: string, seeded: Seeded): number {
  const files = filesBelow(folder, () => true);
  const chosen = seeded.sample(files.length, Math.max(4, Math.floor(files.length * EDITED)));
  for (const [n, index] of chosen.entries()) {
    const file = files[index];
    if (file !== undefined) EDITS[n % EDITS.length]?.(file.path, file.size, seeded);
  }
  return chosen.length;
}

const EDITS: readonly ((path: string, size: number, seeded: Seeded) => void)[] = [
  (path, _, seeded) => fs.appendFileSync(path, `one line more: ${seeded.bytes(8).toString('hex')}\n`),
  (path, size, seeded) => {
    const fd = fs.openSync(path, 'r+');
    fs.writeSync(fd, seeded.bytes(PATCH), 0, PATCH, seeded.below(size + 1));
    fs.closeSync(fd);
  },
  (path) => fs.copyFileSync(path, `${path}.copy`),
  (path) => fs.rmSync(path),
];
