/** Servers that send each other what they have, as their administrators set them up; and one that is lost. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { root } from '../house/run.ts';
import { ok, People, summaryOf } from './people.ts';
import type { CliRun, User } from './user.ts';

const servers: People[] = [];
afterEach(async () => {
  for (const { server } of servers.splice(0)) await server.stop();
});

async function startServer(): Promise<People> {
  const people = await People.start();
  servers.push(people);
  return people;
}

const replicas = async ({ admin }: People) =>
  (await ok(admin.neo(['admin', 'replica', 'list', '--json']))).of('replica');

/** As the administrators of both type it. */
async function link(from: People, to: People, name: string, invited: string, ...more: string[]): Promise<CliRun> {
  const invitation = summaryOf(await ok(to.admin.neo(['admin', 'replica', 'invite', invited, ...more, '--json'])));
  const command = String(invitation['command']).replace('NAME', name);
  expect(command).toMatch(/^neo admin replica add \S+ neo:\/\/127\.0\.0\.1:\d+ --code \S+ --fingerprint SHA256:\S+$/);
  return from.admin.sh(`${command} --json`);
}

async function settled(people: People): Promise<void> {
  await vi.waitFor(
    async () => {
      const [status] = await replicas(people);
      expect(status).toMatchObject({ state: 'waiting', queued: 0, error: null });
      expect(status?.['compared']).toEqual(expect.any(String));
    },
    { timeout: 30_000, interval: 200 },
  );
}

/** What was in the file that {@link People.withSnapshot} saves. */
async function expectRestored(user: User, repo: string, saved: Buffer): Promise<void> {
  await ok(user.neo(['restore', 'latest', '--to', 'back', '--repo', repo]));
  const { stdout } = await ok(user.sh('find back -name file -type f'));
  expect(await readFile(join(user.home, stdout.trim()))).toEqual(saved);
  await rm(join(user.home, 'back'), { recursive: true });
}

describe('neo admin replica', () => {
  it('links two servers; one that is lost is rebuilt from the other, by the commands of the manual', async () => {
    const [berlin, munich] = [await startServer(), await startServer()];
    const ann = await berlin.make('ann');
    await berlin.withSnapshot(ann, 'documents');
    const saved = await readFile(join(ann.home, 'work/file'));

    expect(summaryOf(await ok(link(berlin, munich, 'munich', 'berlin')))).toMatchObject({ name: 'munich' });
    await settled(berlin);
    const { stdout } = await ok(berlin.admin.neo(['admin', 'replica', 'list']));
    expect(stdout).toMatch(/^Name +Location +State +Queued +Lag +Sent +Problem\nmunich +neo:\S+ +waiting +0 /);
    // What comes now, too.
    await ok(ann.neo(['snapshot', 'work', '--repo', berlin.at('documents')]));
    await settled(berlin);

    // Berlin is lost. Munich lets ann in, and her password opens what is there.
    await berlin.server.stop();
    await munich.follow(await ok(munich.admin.neo(['admin', 'user', 'invite', 'ann', '--json'])), ann);
    await expectRestored(ann, munich.at('documents'), saved);
    expect((await ok(ann.neo(['snapshots', '--json', '--repo', munich.at('documents')]))).of('snapshot')).toHaveLength(
      2,
    );
    await ok(ann.neo(['check', '--read-data', '--repo', munich.at('documents')]));

    // A new server in its place is sent all by munich.
    const again = await startServer();
    await ok(link(munich, again, 'berlin', 'munich'));
    await settled(munich);
    await again.follow(await ok(again.admin.neo(['admin', 'user', 'invite', 'ann', '--json'])), ann);
    await expectRestored(ann, again.at('documents'), saved);
    await ok(ann.neo(['check', '--read-data', '--repo', again.at('documents')]));
    const manual = await readFile(join(root, 'docs/server.md'), 'utf8');
    for (const words of ['neo admin replica invite', 'neo admin replica add', 'neo admin user invite']) {
      expect(manual).toContain(words);
    }
  }, 240_000);

  it('says what is wrong, and changes nothing', async () => {
    const { admin, server } = await startServer();
    const add = (...args: string[]) => admin.neo(['admin', 'replica', 'add', 'munich', ...args]);
    const { code, stderr } = await add(server.url, '--code', 'aaa', '--fingerprint', server.fingerprint);
    expect([code, stderr]).toEqual([2, expect.stringContaining('that is this server itself')]);
    const away = await add('neo://127.0.0.1:1', '--code', 'aaa', '--fingerprint', server.fingerprint);
    expect([away.code, away.stderr]).toEqual([16, expect.stringContaining('127.0.0.1:1')]);
    await ok(admin.neo(['admin', 'user', 'add', 'ann']));
    const taken = await admin.neo(['admin', 'replica', 'invite', 'ann']);
    expect([taken.code, taken.stderr]).toEqual([1, expect.stringContaining('there is an account ann already')]);
    await ok(admin.neo(['admin', 'replica', 'invite', 'berlin']));
    const device = await admin.neo(['admin', 'user', 'invite', 'berlin']);
    expect([device.code, device.stderr]).toEqual([2, expect.stringContaining('berlin is another server')]);
    expect(await admin.neo(['admin', 'replica', 'list'])).toMatchObject({ code: 0, stdout: '' });
    const none = await admin.neo(['admin', 'replica', 'remove', 'munich']);
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('there is no replica munich')]);
  }, 120_000);

  it('with a wrong code lets nobody in, and a server that is removed is sent nothing more', async () => {
    const [berlin, munich] = [await startServer(), await startServer()];
    const { url, fingerprint } = munich.server;
    const wrong = ['admin', 'replica', 'add', 'munich', url, '--code', 'aaa-bbb-ccc', '--fingerprint', fingerprint];
    const refused = await berlin.admin.neo(wrong);
    expect([refused.code, refused.stderr]).toEqual([13, expect.stringContaining('the code is wrong')]);
    await ok(link(berlin, munich, 'munich', 'berlin'));
    const twice = await link(berlin, munich, 'other', 'berlin');
    expect([twice.code, twice.stderr]).toEqual([1, expect.stringContaining('is sent to munich already')]);
    await settled(berlin);
    await ok(berlin.admin.neo(['admin', 'replica', 'remove', 'munich', '-n']));
    expect(await replicas(berlin)).toHaveLength(1);
    await ok(berlin.admin.neo(['admin', 'replica', 'remove', 'munich']));
    const ann = await berlin.make('ann');
    await berlin.withSnapshot(ann, 'documents', 1);
    expect((await ok(munich.admin.neo(['admin', 'user', 'list', '--json']))).of('account')).not.toContainEqual(
      expect.objectContaining({ name: 'ann' }),
    );
  }, 120_000);
});
