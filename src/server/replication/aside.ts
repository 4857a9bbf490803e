/** Objects that are damaged are kept beside the targets: of a pack something may still be whole. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { storageError } from '../../backends/local-errors.ts';
import { syncFolder, writeDurably } from '../../backends/local-files.ts';
import { systemCode } from '../../core/errors.ts';
import type { CountedTarget } from '../quota.ts';

/** Then it is not there any more, as one that is lost, and that nobody removed. @throws NeoError no-space and the like: then it stays */
export async function setAside(dataRoot: string, target: string, storage: CountedTarget, path: string): Promise<void> {
  const bytes = await storage.get(path);
  if (bytes !== undefined) await keep(join(dataRoot, 'damaged', target, path), bytes);
  await storage.remove(path);
}

async function keep(file: string, bytes: Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeDurably(file, bytes);
    await syncFolder(dirname(file));
  } catch (error) {
    // It was damaged before.
    if (systemCode(error) !== 'EEXIST') throw storageError(error, `keep what is damaged as ${file}`);
  }
}
