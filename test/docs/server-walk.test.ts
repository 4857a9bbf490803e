/** The walk of docs/server.md, by the commands that people type. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { environment, launcher, root, run, temporary } from '../house/run.ts';

it('goes from nothing to accounts, a full quota, a share, a revoked device, another key and other settings', async () => {
  const home = await temporary('walk');
  const neo = join(home, 'neo');
  await writeFile(neo, `#!/bin/sh\nexec '${process.execPath}' '${launcher}' "$@"\n`);
  await chmod(neo, 0o755);
  const env = environment(home);
  const { code, stdout, stderr } = await run('bash', [join(root, 'examples/server-walk.sh')], {
    env: { ...env, PATH: `${home}:${env['PATH']}` },
  });
  expect([code, stderr]).toEqual([0, expect.stringContaining('the quota is used up')]);
  expect(stdout.split('\n').filter((line) => /^(==|exit code|slides$)/.test(line))).toEqual([
    '== the server makes all that it needs',
    '== ann becomes its administrator, by the code on the console, and has a repository',
    '== bob gets an account of 2 MiB, and fills it',
    'exit code 14',
    '== ann shares one folder with bob, who sees that and nothing else',
    'slides',
    'exit code 13',
    '== what administrators do bob may not',
    'exit code 13',
    "== bob's device is revoked, and is out",
    'exit code 13',
    "== ann exchanges the server's key: who has connected meanwhile knows the new one",
    "== ann lets less of a target go within a day, and ends bob's account",
    "== what the server wrote down is whole; bob's entries are still there",
    '== what was done is in the log; then ann ends the server',
    '== done',
  ]);
}, 60_000);
