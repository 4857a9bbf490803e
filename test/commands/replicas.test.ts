/** Servers that send each other what they have, as their administrators set them up; and one that is lost. */
import { readdir, readFile, rm } from 'node:fs/promises';
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
async function link(from: People, to: People, name: string, invited: string): Promise<CliRun> {
  const invitation = await ok(to.admin.neo(['admin', 'replica', 'invite', invited, '--json']));
  return from.admin.sh(`${commandOf(invitation).replace('NAME', name)} --json`);
}

function commandOf(invitation: CliRun): string {
  const command = String(summaryOf(invitation)['command']);
  expect(command).toMatch(/^neo admin replica add \S+ neo:\/\/127\.0\.0\.1:\d+ --code \S+ --fingerprint SHA256:\S+$/);
  return command;
}

/** Paths of all objects of the only target that has any. */
async function objectsAt({ server }: People): Promise<string[]> {
  const folder = join(server.dataRoot, 'targets');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return files.map((file) => file.slice(folder.length + 34)).sort();
}

/** Types the commands of the manual, each where it says. */
class Manual {
  readonly #lines: (readonly [where: string, command: string])[];
  readonly at: Record<string, People>;
  readonly #ann: User;
  /** What the last invitation says. */
  #invitation: Record<string, unknown> = {};

  private constructor(text: string, at: Record<string, People>, ann: User) {
    const section = /^## Replicas$[\s\S]*?^## /m.exec(text)?.[0] ?? '';
    this.#lines = [...section.matchAll(/^(?:at|by) (\w+) +(neo .*?)(?: {2,}\(.*\))?$/gm)].map(
      ([, where = '', command = '']) => [where, command],
    );
    this.at = at;
    this.#ann = ann;
  }

  static async open(at: Record<string, People>, ann: User): Promise<Manual> {
    return new Manual(await readFile(join(root, 'docs/server.md'), 'utf8'), at, ann);
  }

  get left(): number {
    return this.#lines.length;
  }

  /** The next one has to be this one. */
  async type(begins: string): Promise<CliRun> {
    const [where = '', command = ''] = this.#lines.shift() ?? [];
    expect(`${where}: ${command}`).toContain(begins);
    const run = await ok(this.#user(where).sh(`${this.#filled(command)} --json`));
    if (begins.includes('invite')) this.#invitation = summaryOf(run);
    return run;
  }

  #user(where: string): User {
    return this.at[where]?.admin ?? this.#ann;
  }

  #filled(command: string): string {
    const { code, fingerprint } = this.#invitation;
    const places = Object.entries(this.at).reduce(
      (text, [name, { server }]) => text.replace(`neo://${name}.example`, server.url),
      command,
    );
    return places.replace('CODE', String(code)).replace('SHA256:…', String(fingerprint));
  }
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

/** The file that {@link People.withSnapshot} saves. */
async function expectRestored(user: User, saved: Buffer): Promise<void> {
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

    const manual = await Manual.open({ berlin, munich }, ann);
    await manual.type('munich: neo admin replica invite berlin');
    expect(summaryOf(await manual.type('berlin: neo admin replica add munich'))).toMatchObject({ name: 'munich' });
    await manual.type('berlin: neo admin replica list');
    await settled(berlin);
    const { stdout } = await ok(berlin.admin.neo(['admin', 'replica', 'list']));
    expect(stdout).toMatch(/^Name +Location +State +Queued +Lag +Sent +Problem\nmunich +neo:\S+ +waiting +0 /);
    // What comes now, too.
    await ok(ann.neo(['snapshot', 'work', '--repo', berlin.at('documents')]));
    await settled(berlin);

    // A prune frees what nobody needs, there as well.
    const before = await objectsAt(berlin);
    await ok(ann.sh('head -c 300K /dev/urandom > work/other'));
    await ok(ann.neo(['snapshot', 'work', '--repo', berlin.at('documents')]));
    await settled(berlin);
    await ok(ann.neo(['forget', 'latest', '--repo', berlin.at('documents')]));
    await ok(ann.neo(['trash', '--empty', '--yes', '--repo', berlin.at('documents')]));
    await ok(ann.neo(['prune', '--sole-writer', '--grace', '0', '--repo', berlin.at('documents')]));
    await vi.waitFor(async () => expect(await objectsAt(munich)).toEqual(await objectsAt(berlin)), {
      timeout: 60_000,
      interval: 500,
    });
    expect(before.filter((path) => path.startsWith('packs/')).length).toBeGreaterThan(0);

    // Berlin is lost. Munich lets ann in, and her password opens what is there.
    await berlin.server.stop();
    await munich.follow(await manual.type('munich: neo admin user invite ann'), ann);
    await manual.type('ann: neo restore latest --to back');
    await expectRestored(ann, saved);
    const there = await ok(ann.neo(['snapshots', '--json', '--repo', munich.at('documents')]));
    expect(there.of('snapshot')).toHaveLength(2);
    await ok(ann.neo(['check', '--read-data', '--repo', munich.at('documents')]));

    // A new server in its place is sent all by munich.
    const again = await startServer();
    manual.at['berlin'] = again;
    await manual.type('berlin: neo admin replica invite munich --all-accounts');
    await manual.type('munich: neo admin replica add berlin');
    await manual.type('munich: neo admin replica list');
    await settled(munich);
    await again.follow(await manual.type('berlin: neo admin user invite ann'), ann);
    await manual.type('ann: neo check --confirm');
    expect(manual.left).toBe(0);
    await ok(ann.neo(['restore', 'latest', '--to', 'back', '--repo', again.at('documents')]));
    await expectRestored(ann, saved);
    await ok(ann.neo(['check', '--read-data', '--repo', again.at('documents')]));
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
