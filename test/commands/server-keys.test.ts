/** Keys of a server as people exchange them: what their clients know, and go by, before, meanwhile and afterwards. */
import { cp, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ok, People, summaryOf } from './people.ts';
import { User } from './user.ts';

const ANOTHER_KEY = 16;
const SECRET = { NEO_ACCOUNT_SECRET: 'correct horse battery staple' };

let people: People;
let ann: User;
beforeAll(async () => {
  people = await People.start();
  ann = await people.make('ann');
  await ok(ann.neo(['account', 'secret'], SECRET));
}, 60_000);
afterAll(() => people.server.stop());

const admin = (...words: string[]) => people.admin.neo(['admin', 'key', ...words]);
const keyOf = async (...words: string[]): Promise<string> =>
  String(summaryOf(await ok(admin(...words, '--json')))['fingerprint']);

async function savedBy(user: User): Promise<{ fingerprint: string; keys?: string[]; mode: number }> {
  const folder = user.at('.local/state/neo/logins');
  const [name = '', ...others] = await readdir(folder);
  expect(others).toEqual([]);
  const path = join(folder, name);
  return { ...JSON.parse(await readFile(path, 'utf8')), mode: (await stat(path)).mode & 0o777 };
}

/** As its owner has copied it, before what comes. */
async function copyOf(user: User): Promise<User> {
  const copy = await User.make();
  await cp(user.at('.local'), copy.at('.local'), { recursive: true });
  return copy;
}

it('clients learn of a key that waits, and go on when the old one is gone; whoever was not there does not', async () => {
  const { fingerprint: first } = people.server;
  const away = await copyOf(ann);
  const second = await keyOf('add');
  await ok(ann.neo(['target', 'list']));
  expect(await savedBy(ann)).toMatchObject({ fingerprint: first, keys: [first, second], mode: 0o600 });
  await ok(admin('use', second.slice(0, 15)));
  await ok(admin('retire', first));
  await ok(ann.neo(['target', 'create', 'documents']));
  expect(await savedBy(ann)).toMatchObject({ fingerprint: second, keys: [second], mode: 0o600 });
  const { code, stderr } = await away.neo(['target', 'list', '--debug-protocol']);
  expect([code, stderr]).toEqual([ANOTHER_KEY, expect.stringContaining('has another key than the one that is known')]);
  expect(stderr).not.toContain('< ');
  expect(await savedBy(away)).toMatchObject({ fingerprint: first });
  // And logs in anew.
  const again = ['login', people.server.url, '--account', 'ann', '--fingerprint', second];
  await ok(away.neo(again, SECRET));
  await ok(away.neo(['target', 'list']));
});

it('the saved login is written only when the keys are others', async () => {
  const path = ann.at('.local/state/neo/logins');
  const [name = ''] = await readdir(path);
  const { ino, mtimeMs } = await stat(join(path, name));
  await ok(ann.neo(['target', 'list']));
  await ok(ann.neo(['snapshots', '--repo', people.at('documents')]).then((done) => ({ ...done, code: 0 })));
  expect(await stat(join(path, name))).toMatchObject({ ino, mtimeMs });
});

it('a secret lets in whichever key is shown, also after the one that it was set with', async () => {
  const keys = [await keyOf('rotate'), await keyOf('rotate'), await keyOf('rotate')];
  for (const key of keys) {
    const user = await User.make();
    await ok(user.neo(['login', people.server.url, '--account', 'ann', '--fingerprint', key], SECRET));
    expect((await savedBy(user)).keys).toEqual(expect.arrayContaining(keys));
    for (let n = 0; n < 3; n += 1) await ok(user.neo(['target', 'list']));
  }
  for (const key of keys.slice(0, 2)) await ok(admin('retire', key));
  const next = { NEO_ACCOUNT_SECRET: SECRET.NEO_ACCOUNT_SECRET, NEO_ACCOUNT_NEW_SECRET: 'battery staple, correct' };
  await ok(ann.neo(['account', 'secret'], next));
  const later = ['login', people.server.url, '--account', 'ann', '--fingerprint', String(keys[2])];
  const user = await User.make();
  await ok(user.neo(later, { NEO_ACCOUNT_SECRET: 'battery staple, correct' }));
  expect((await user.neo(later, SECRET)).code).toBe(13);
});

it('a token goes with all keys that are named', async () => {
  const { token } = summaryOf(await ok(ann.neo(['account', 'token', 'create', 'nightly', '--json'])));
  const listed = (await ok(admin('list', '--json'))).of('key').map(({ fingerprint }) => String(fingerprint));
  expect(listed.length).toBe(2);
  const user = await User.make();
  const asked = ['target', 'list', '--server', people.server.url];
  for (const known of [listed.join(','), listed.join(' '), String(listed[1])]) {
    await ok(user.neo(asked, { NEO_TOKEN: String(token), NEO_FINGERPRINT: known }));
  }
});

it('is for administrators', async () => {
  for (const words of [['list'], ['add'], ['rotate'], ['use', 'A'], ['retire', 'A']]) {
    expect((await ann.neo(['admin', 'key', ...words])).code).toBe(13);
  }
  expect([...(await people.actions())]).toEqual(expect.arrayContaining(['key-add', 'key-present', 'key-retire']));
});
