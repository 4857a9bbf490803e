import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { backupOf } from '../support/backup.ts';
import { tempFolder, tempRepository } from '../support/temp-repository.ts';

it.each([0, 2])('progress follows the bytes of long files, and ends with all of them (%i workers)', async (workers) => {
  const folder = await tempFolder();
  writeFileSync(join(folder, 'long'), randomBytes(24 << 20));
  writeFileSync(join(folder, 'short'), 'a few bytes');
  const { openIndexed } = await tempRepository();
  const seen: number[] = [];
  const { bytesProcessed } = await backupOf(await openIndexed(), folder, {
    workers,
    events: (event) => {
      if (event.type === 'progress') seen.push(event.progress.bytes);
    },
  });
  expect(seen.at(-1)).toBe(bytesProcessed);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
});
