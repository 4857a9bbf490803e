/** Restores by a user who may not write everywhere. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Scratch } from '../fs/scratch.ts';

const NOBODY = 65_534;
const child = fileURLToPath(new URL('restore-user-child.ts', import.meta.url));

test.runIf(process.geteuid?.() === 0)('read-only copies of his own are filled; what is not his is denied', () => {
  using scratch = new Scratch();
  const [own, foreign] = [join(scratch.text, 'own'), join(scratch.text, 'foreign')];
  fs.chmodSync(scratch.text, 0o755);
  fs.mkdirSync(own);
  fs.chownSync(own, NOBODY, NOBODY);
  fs.mkdirSync(foreign, { mode: 0o755 });
  const options = { uid: NOBODY, gid: NOBODY, encoding: 'utf8', cwd: '/' } as const;
  const result = spawnSync(process.execPath, [child, own, foreign], options);
  expect(result.stderr).toBe('');
  expect(JSON.parse(result.stdout)).toEqual({
    errors: 0,
    mode: 0o500,
    names: ['file', 'sub'],
    denied: ['permission-denied', 'permission-denied', 'permission-denied'],
  });
  expect(fs.readdirSync(foreign)).toEqual([]);
});
