/** `neo serve backup` and `restore`: of a server that runs, into another folder, over another server, and of what is damaged. */
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ControlClient } from '../../src/backends/neo-control.ts';
import { neo, temporary } from '../house/run.ts';
import { type NeoServe, startNeoServe } from '../support/neo-serve.ts';
import { type Device, dataRootWith, enrol, entries, objectsIn } from '../support/serve-admin.ts';

interface World {
  readonly server: NeoServe;
  readonly dataRoot: string;
  readonly device: Device;
  readonly backup: string;
}

/** A server with a target of one object, and where its backup is to lie. */
async function world(): Promise<World> {
  const dataRoot = await dataRootWith('second-factor = "optional"\n');
  const server = await startNeoServe(['--data-root', dataRoot]);
  const device = await enrol(server);
  await device.control.call('target-create', { name: 'documents' });
  await putObject(server, device, 'packs/00/a');
  return { server, dataRoot, device, backup: join(await temporary('backup'), 'copy') };
}

async function putObject(server: NeoServe, device: Device, path: string): Promise<void> {
  const objects = objectsIn(server, device, 'documents');
  await objects.put(path, new Uint8Array(1000));
  await objects.close();
}

const backUp = ({ dataRoot, backup }: World) => neo(['serve', 'backup', backup, '--data-root', dataRoot, '--json']);
const restore = (from: string, to: string, ...more: string[]) =>
  neo(['serve', 'restore', from, '--data-root', to, '--json', ...more]);

async function end({ server, device }: World): Promise<void> {
  await device.control.close();
  await server.stop();
}

describe('a backup', () => {
  it('is made while the server runs, whole, and for nobody else to read', async () => {
    const made = await world();
    const { code, stdout, stderr } = await backUp(made);
    expect([code, stderr]).toEqual([0, '']);
    const files = ['server.db', 'server.key', 'server.cert', 'ledger.key', 'server.toml'];
    expect(JSON.parse(stdout)).toMatchObject({ type: 'summary', folder: made.backup, files });
    expect((await readdir(made.backup)).sort()).toEqual([...files].sort());
    expect((await stat(made.backup)).mode & 0o777).toBe(0o700);
    for (const name of files) expect((await stat(join(made.backup, name))).mode & 0o777, name).toBe(0o600);
    const again = await backUp(made);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('is there already')]);
    await made.device.control.call('target-create', { name: 'afterwards' });
    await end(made);
  });

  it('leaves nothing behind when it fails', async () => {
    const folder = await temporary('backup');
    const { code, stderr } = await neo(['serve', 'backup', join(folder, 'copy'), '--data-root', join(folder, 'none')]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('there is no database')]);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a restored server', () => {
  it('is the same one, elsewhere: key, accounts, rights; and counts its objects anew', async () => {
    const made = await world();
    await backUp(made);
    await putObject(made.server, made.device, 'packs/00/b');
    await end(made);
    const moved = join(await temporary('moved'), 'deep', 'root');
    expect(await restore(made.backup, moved)).toMatchObject({ code: 0, stderr: '' });
    await rename(join(made.dataRoot, 'targets'), join(moved, 'targets'));
    await using server = await startNeoServe(['--data-root', moved]);
    expect([server.fingerprint, server.adminCode]).toEqual([made.server.fingerprint, '']);
    const control = new ControlClient({ host: '127.0.0.1', port: server.port }, made.device.trust);
    expect(await control.call('usage', {})).toMatchObject({ bytes: 2000, objects: 2 });
    await control.close();
    expect((await readdir(moved)).sort()).not.toContain('server.db.tmp');
    expect((await stat(join(moved, 'server.db'))).mode & 0o777).toBe(0o600);
  });

  it('keeps aside what it replaces, with what had not been written into it yet', async () => {
    const made = await world();
    await backUp(made);
    await made.device.control.call('user-add', { name: 'later' });
    process.kill(made.server.pid, 'SIGKILL');
    await made.server.ended;
    await end(made);
    const refused = await restore(made.backup, made.dataRoot);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/holds a server already\n.*--force/)]);
    const { code, stdout } = await restore(made.backup, made.dataRoot, '--force');
    const [aside = ''] = (JSON.parse(stdout) as { aside: string[] }).aside;
    expect([code, aside]).toEqual([0, expect.stringMatching(/^server\.db\.before-restore-\d{8}T\d{6}Z$/)]);
    expect(await users(made.dataRoot)).toEqual(['admin']);
    // The old one is whole under its new name.
    const old = await temporary('old');
    await chmod(old, 0o700);
    for (const end of ['', '-wal'])
      await cp(join(made.dataRoot, aside + end), join(old, `server.db${end}`)).catch(() => 0);
    expect(await users(old)).toEqual(['admin', 'later']);
  });

  it('is not made while a server uses the folder', async () => {
    const made = await world();
    await backUp(made);
    const { code, stderr } = await restore(made.backup, made.dataRoot, '--force');
    expect([code, stderr]).toEqual([1, expect.stringContaining('another server uses the database')]);
    await made.device.control.call('targets', {});
    await end(made);
  });

  it('is not made of damage, and what is there stays', async () => {
    const made = await world();
    await backUp(made);
    await end(made);
    const database = await readFile(join(made.backup, 'server.db'));
    database.fill(0x55, 8192, 16384);
    await writeFile(join(made.backup, 'server.db'), database);
    const before = (await readdir(made.dataRoot)).sort();
    const { code, stderr } = await restore(made.backup, made.dataRoot, '--force');
    expect([code, stderr]).toEqual([15, expect.stringContaining('damaged')]);
    expect((await readdir(made.dataRoot)).sort()).toEqual(before);
    await rm(join(made.backup, 'server.db'));
    const unfinished = await restore(made.backup, made.dataRoot, '--force');
    expect([unfinished.code, unfinished.stderr]).toEqual([1, expect.stringContaining('there is no database')]);
    expect((await readdir(made.dataRoot)).sort()).toEqual(before);
  });

  it('does not mix the key of one server with the certificate of another', async () => {
    const [one, other] = [await world(), await world()];
    await backUp(one);
    await backUp(other);
    await cp(join(other.backup, 'server.cert'), join(one.backup, 'server.cert'));
    const { code, stderr } = await restore(one.backup, join(await temporary('mixed'), 'root'));
    expect([code, stderr]).toEqual([15, expect.stringContaining('do not fit')]);
    await Promise.all([end(one), end(other)]);
  });
});

it('what lies there and nobody knows, and what is known and is not there, is told at the start and left alone', async () => {
  const made = await world();
  await end(made);
  const [id = ''] = await readdir(join(made.dataRoot, 'targets'));
  await rename(join(made.dataRoot, 'targets', id), join(made.dataRoot, 'targets', 'stray'));
  await mkdir(join(made.dataRoot, 'targets', 'another'));
  await using server = await startNeoServe(['--data-root', made.dataRoot]);
  const told = entries(server.stderr()).filter(({ event }) => /-folder$/.test(event));
  expect(told).toMatchObject([
    { event: 'unknown-folder', folder: 'targets/another' },
    { event: 'unknown-folder', folder: 'targets/stray' },
    { event: 'missing-folder', account: 'admin', target: 'documents', folder: `targets/${id}`, objects: 1 },
  ]);
  expect((await readdir(join(made.dataRoot, 'targets'))).sort()).toEqual(['another', 'stray']);
});

/** By a server that starts there: its first administrator's device is one more. */
async function users(dataRoot: string): Promise<string[]> {
  const { openDatabase } = await import('../../src/server/database/open.ts');
  const { db, close } = await openDatabase(join(dataRoot, 'server.db'));
  const rows = await db.selectFrom('accounts').select('name').orderBy('name').execute();
  await close();
  return rows.map(({ name }) => name);
}
