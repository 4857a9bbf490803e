/**
 * A process of its own that puts objects, to be traced or killed: `node put-child.ts ROOT COUNT SIZE CONCURRENCY`.
 * Prints each path once it is acknowledged. With a fifth argument it then puts the first object again, by another client
 * that knows nothing yet, and removes it, printing `again` and `removed`. The bytes of an object follow from its path.
 */
import { writeSync } from 'node:fs';
import { basename } from 'node:path';
import { openLocal } from '../../src/backends/local.ts';

/** The bytes that belong under `packs/<xx>/<number>-<size>`. */
export function bytesFor(path: string): Uint8Array {
  const [number = '0', size = '0'] = basename(path).split('-');
  return Uint8Array.from({ length: Number(size) }, (_, n) => (n * 31 + (n >>> 8) * 7 + Number(number)) & 0xff);
}

if (import.meta.main) {
  const [root = '', count = '1', size = '1', concurrency = '1', more = ''] = process.argv.slice(2);
  const backend = await openLocal(root, { create: true });
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < Number(count)) {
      const number = next++;
      const path = `packs/${(number % 4).toString(16).padStart(2, '0')}/${number}-${size}`;
      await backend.put(path, bytesFor(path));
      writeSync(1, `${path}\n`);
    }
  };
  await Promise.all(Array.from({ length: Number(concurrency) }, worker));
  if (more !== '') {
    const path = `packs/00/0-${size}`;
    const other = await openLocal(root);
    await other.put(path, bytesFor(path));
    writeSync(1, 'again\n');
    await other.remove(path);
    writeSync(1, 'removed\n');
  }
}
