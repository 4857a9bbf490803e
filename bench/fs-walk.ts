/**
 * The walk: `node bench/fs-walk.ts DIRECTORY…` times it three times each, lstat alone against walk with attributes;
 * `node bench/fs-walk.ts --million DIRECTORY` makes a directory of 1,000,000 names in DIRECTORY, walks it, and shows
 * time and memory.
 */
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { joinPath, pathOf } from '../src/fs/path.ts';
import { walk } from '../src/fs/walk.ts';
import { readXattrs } from '../src/fs/xattr.ts';

function measure(label: string, root: Buffer, visit: (access: Uint8Array) => void): void {
  let count = 0;
  let top = 0;
  const start = performance.now();
  for (const event of walk(root)) {
    if (event.kind !== 'entry') continue;
    visit(event.access);
    count += 1;
    if (count % 10_000 === 0) top = Math.max(top, process.memoryUsage.rss());
  }
  const ms = performance.now() - start;
  const each = ((ms / count) * 1000).toFixed(2);
  process.stdout.write(`${label}: ${count} entries, ${ms.toFixed(0)} ms, ${each} µs each, ${top >> 20} MiB\n`);
}

const [first, second] = process.argv.slice(2);
if (first === '--million') {
  const root = joinPath(pathOf(second ?? '.'), pathOf('million'));
  mkdirSync(root);
  for (let index = 0; index < 1_000_000; index += 1) {
    closeSync(openSync(joinPath(root, pathOf(`file-${(index * 7919) % 1_000_003}`)), 'w'));
  }
  measure('a million names', root, () => undefined);
  rmSync(root, { recursive: true });
} else {
  for (const root of process.argv.slice(2)) {
    for (let round = 0; round < 3; round += 1) measure(`walk ${root}`, pathOf(root), () => undefined);
    measure(`walk and attributes ${root}`, pathOf(root), (access) => void readXattrs(access));
  }
}
