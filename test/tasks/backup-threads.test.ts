/** A long file is sealed by several threads; nobody can tell from what is stored. */
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../support/temp-repository.ts';
import { noise, TestRepository } from './backup-support.ts';

test('threads cut and find again what one thread stored', async () => {
  const folder = await tempFolder();
  const [long, holes] = [join(folder, 'long'), join(folder, 'holes')];
  const bytes = noise(40 << 20, 5);
  writeFileSync(long, bytes);
  writeFileSync(holes, bytes.subarray(0, 18 << 20));
  truncateSync(holes, 60 << 20);
  const alone = await TestRepository.make();
  await alone.snapshot([folder]);
  const expected = await alone.read();
  for (const workers of [1, 2, 3]) {
    const repository = await TestRepository.make();
    await repository.snapshot([folder], { workers });
    const found = await repository.read();
    for (const path of [long, holes]) {
      const [here, there] = [found.get(path), expected.get(path)];
      expect(here?.size).toBe(there?.size);
      expect(Buffer.compare(here?.bytes ?? Buffer.alloc(0), there?.bytes ?? Buffer.alloc(1))).toBe(0);
    }
    // Another repository has other keys: the same one must find all of it again, however many threads look.
    const again = await repository.snapshot([folder], { workers: 0, force: true });
    expect(again.bytesAdded).toBe(0);
  }
});
