/** Who does not get in to the server's database, and what is said of one that is damaged. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, link, mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ErrorCode, isNeoError, messageOf } from '../../src/core/errors.ts';
import { MIGRATIONS } from '../../src/server/database/migrations.ts';
import { openDatabase } from '../../src/server/database/open.ts';
import { account, add, DatabaseFolder, fill, names, refused } from '../support/server-database.ts';

let at: DatabaseFolder;
let folder: string;
let path: string;
const open: DatabaseFolder['open'] = (...of) => at.open(...of);

beforeEach(async () => {
  at = await DatabaseFolder.make();
  ({ folder, path } = at);
});
afterEach(async () => {
  spawnSync('chattr', ['-i', path]);
  await at.remove();
});

describe('who gets in', () => {
  it.each([0o640, 0o604, 0o660])('refuses a file of mode %o', async (mode) => {
    await (await open()).close();
    await chmod(path, mode);
    expect(await refused(open(), 'permission-denied')).toContain(`chmod 600 ${path}`);
    await chmod(path, 0o600);
    await open();
  });

  it('refuses a folder that others can read, before it makes anything there', async () => {
    await chmod(folder, 0o755);
    expect(await refused(open(), 'permission-denied')).toContain(`chmod 700 ${folder}`);
    expect(await readdir(folder)).toEqual([]);
  });

  it('says what is wrong with a folder that is not there, and with one in place of the file', async () => {
    expect(await refused(open(MIGRATIONS, join(folder, 'none', 'server.db')), 'failed')).toContain('none');
    await mkdir(path, { mode: 0o700 });
    expect(await refused(open(), 'failed')).toContain('is not a file');
  });

  it('says that a file may not be written', async ({ skip }) => {
    await (await open()).close();
    if (spawnSync('chattr', ['+i', path]).status !== 0) skip();
    expect(await refused(open(), 'permission-denied')).toContain(path);
  });

  it('refuses a second server in the same process, by another name as well', async () => {
    await open();
    await symlink(path, join(folder, 'other.db'));
    const began = performance.now();
    expect(await refused(open(), 'failed')).toContain('another server uses');
    expect(await refused(open(MIGRATIONS, join(folder, 'other.db')), 'failed')).toContain('another server uses');
    expect(performance.now() - began).toBeLessThan(1500);
    expect(await inChild(`await openDatabase(${JSON.stringify(path)})`)).toContain('another server uses');
  });

  it('refuses a second server until the first was killed, and has what that one committed', async () => {
    const child = spawnChild(`
      const { db } = await openDatabase(${JSON.stringify(path)});
      await db.insertInto('accounts').values(${JSON.stringify(account('a'))}).execute();
      const pending = db.transaction().execute(async (t) => {
        await t.insertInto('accounts').values(${JSON.stringify(account('b'))}).execute();
        console.log('ready');
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      });
      await pending;`);
    await once(child.stdout, 'data');
    expect(await refused(open(), 'failed')).toContain('another server uses');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await names((await open()).db)).toEqual(['name-a']);
  });
});

function spawnChild(code: string) {
  const module = fileURLToPath(new URL('../../src/server/database/open.ts', import.meta.url));
  const script = `import { openDatabase } from ${JSON.stringify(module)};\n${code}`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** What it wrote to its error output. */
async function inChild(code: string): Promise<string> {
  const child = spawnChild(code);
  return (await child.stderr.toArray()).join('');
}

describe('damage', () => {
  let whole: Uint8Array;

  beforeEach(async () => {
    const database = await open();
    await fill(database.db);
    await database.db.transaction().execute(async (all) => {
      for (let n = 0; n < 200; n++) await add(all, account(`n${n}`, { recovery: 'x'.repeat(200) }));
    });
    await database.close();
    whole = await readFile(path);
  });

  function changed(from: number, length: number, mask: number): Uint8Array {
    const bytes = Uint8Array.from(whole);
    for (let at = from; at < from + length; at++) bytes[at] = (bytes[at] ?? 0) ^ mask;
    return bytes;
  }

  async function tryDamaged(bytes: Uint8Array, ...also: ErrorCode[]): Promise<string> {
    for (const end of ['-wal', '-shm']) await rm(path + end, { force: true });
    await writeFile(path, bytes);
    try {
      await (await openDatabase(path)).close();
      return 'opened';
    } catch (error) {
      expect(['integrity', ...also]).toContain(isNeoError(error) ? error.code : messageOf(error));
      return messageOf(error);
    }
  }

  it('of the head is seen, and a backup is asked for', async () => {
    await writeFile(
      path,
      Uint8Array.from(whole, (byte, at) => (at < 16 ? 0xff : byte)),
    );
    const text = await refused(open(), 'integrity');
    expect(text).toContain(path);
    expect(text).toContain('neo serve restore');
  });

  it('of any byte of the head gives a plain word', async () => {
    for (let at = 0; at < 100; at++) await tryDamaged(changed(at, 1, at % 2 === 0 ? 0x01 : 0xff));
  });

  it('by a file that was cut is seen', async () => {
    for (const length of [0, 1, 99, 4096, 5000, whole.length - 4096, whole.length - 1]) {
      await writeFile(path, whole);
      await truncate(path, length);
      expect(await refused(open(), 'integrity'), `${length}`).toContain(path);
    }
  });

  it('anywhere is seen, or does not hinder', async () => {
    const where = fc.record({
      at: fc.nat(whole.length - 17),
      length: fc.integer({ min: 1, max: 16 }),
      mask: fc.integer({ min: 1, max: 255 }),
    });
    const outcomes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(where, async ({ at, length, mask }) => {
        // The one word that a flipped bit of the name of a migration can stand for.
        outcomes.add(await tryDamaged(changed(at, length, mask), 'needs-newer-neo'));
      }),
      { numRuns: 150 },
    );
    expect(outcomes.size).toBeGreaterThan(1);
  });

  it('is what a database of something else is, and one without the file that its log belongs to', async () => {
    const database = await open();
    await sql`drop table kysely_migration`.execute(database.db);
    await database.close();
    expect(await refused(open(), 'integrity')).toContain(path);
    await link(path, `${path}-wal`);
    await rm(path);
    expect(await refused(open(), 'integrity')).toContain('-wal');
  });

  it('is what settings are that are gone', async () => {
    const database = await open();
    await database.db.deleteFrom('settings').where('name', '=', 'pepper').execute();
    await database.close();
    await refused(open(), 'integrity');
  });
});
