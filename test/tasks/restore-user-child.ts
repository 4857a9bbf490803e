/** Restores as an ordinary user; run by restore-user.test.ts as `node restore-user-child.ts OWN FOREIGN`, prints JSON. */
import fs from 'node:fs';
import { join } from 'node:path';
import { isNeoError } from '../../src/core/errors.ts';
import { restore } from '../../src/tasks/restore.ts';
import { makeRepository, snapshotOf } from './restore-support.ts';

const [own = '', foreign = ''] = process.argv.slice(2);
const source = join(own, 'source');
const copy = join(own, 'copy');
fs.mkdirSync(join(source, 'sub'), { recursive: true });
fs.writeFileSync(join(source, 'file'), 'x');
fs.writeFileSync(join(source, 'sub', 'file'), 'y');
fs.chmodSync(source, 0o500);
const { repository, snapshot } = await snapshotOf(await makeRepository(), source);
const into = (path: string, part = source) =>
  restore(repository, { snapshot, path: Buffer.from(part), destination: { type: 'directory', path }, workers: 0 });
const codeFrom = async (run: Promise<unknown>): Promise<string> => {
  try {
    await run;
    return 'no error';
  } catch (error) {
    return isNeoError(error) ? error.code : String(error);
  }
};

await into(copy);
fs.chmodSync(copy, 0o700);
fs.unlinkSync(join(copy, 'file'));
fs.chmodSync(copy, 0o500);
const { errors } = await into(copy);
process.stdout.write(
  JSON.stringify({
    errors,
    mode: fs.statSync(copy).mode & 0o777,
    names: fs.readdirSync(copy).sort(),
    denied: [
      await codeFrom(into(foreign)),
      await codeFrom(into(foreign, join(source, 'file'))),
      await codeFrom(into(join(foreign, 'below'))),
    ],
  }),
);
