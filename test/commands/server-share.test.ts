/** A folder of a target for somebody else's account: the server lets it in to that and to nothing else, and the file opens nothing else. */
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ok, People } from './people.ts';
import { QUICK_KDF, type User } from './user.ts';

const DENIED = 13;

let people: People;
let ann: User;
let bob: User;
let share: string;

beforeAll(async () => {
  people = await People.start();
  [ann, bob] = [await people.make('ann'), await people.make('bob')];
  share = bob.at('talk.share');
  const there = ['--repo', people.at('documents')];
  await ok(ann.neo(['init', ...QUICK_KDF, ...there]));
  await ok(
    ann.sh(
      'mkdir -p work/talk/deep work/secret; for i in 1 2 3 4 5 6; do echo $i > work/talk/$i; echo s$i > work/secret/$i; done',
    ),
  );
  await ok(ann.sh('head -c 2M /dev/urandom > work/talk/deep/big; head -c 2M /dev/urandom > work/secret/big'));
  await ok(ann.neo(['snapshot', 'work', ...there]));
}, 60_000);
afterAll(() => people.server.stop());

const here = () => ['--repo', people.at('documents')];

it('is refused for an account that is not there, and nothing is left of it', async () => {
  const create = ['share', 'create', `latest:${ann.at('work/talk')}`, ...here(), '--out', ann.at('x.share')];
  const none = await ann.neo([...create, '--account', 'nobody']);
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('there is no account nobody')]);
  const elsewhere = await ann.neo([
    'share',
    'create',
    `latest:${ann.at('work/talk')}`,
    '--account',
    'bob',
    '--out',
    'x',
  ]);
  expect(elsewhere.code).not.toBe(0);
  expect((await ok(ann.neo(['share', 'list', ...here(), '--json']))).of('share')).toEqual([]);
});

it('is listed, restored and looked at by the account that it is for, and by it alone', async () => {
  const create = ['share', 'create', `latest:${ann.at('work/talk')}`, ...here(), '--account', 'bob', '--out', share];
  await ok(ann.neo(create));
  const listed = await ok(bob.neo(['ls', '-r', '--share', share]));
  expect(listed.stdout.split('\n').filter((line) => line !== '')).toEqual([
    ...['/1', '/2', '/3', '/4', '/5', '/6', '/deep', '/deep/big'].map((line) => expect.stringContaining(line)),
  ]);
  await ok(bob.neo(['restore', '--share', share, '--to', 'back']));
  await ok(bob.sh(`diff -r back '${ann.at('work/talk')}'`));
  expect((await ok(bob.neo(['cat', '--share', share, '/3']))).stdout).toBe('3\n');
  const up = await bob.neo(['ls', '--share', share, '../secret']);
  expect(up.code).not.toBe(0);
  const carol = await people.make('carol');
  await writeFile(carol.at('talk.share'), '');
  await ok(carol.sh(`cp '${share}' talk.share`));
  expect((await carol.neo(['ls', '--share', 'talk.share'])).code).toBe(DENIED);
});

it('gives its reader no way to the rest of the repository', async () => {
  const [theirs] = [['--repo', people.at('ann/documents')]];
  for (const args of [
    ['snapshots'],
    ['ls', 'latest'],
    ['snapshot', 'work'],
    ['forget', 'latest'],
    ['prune'],
    ['check'],
  ]) {
    const refused = await bob.neo([...args, ...theirs]);
    expect([args[0], refused.code]).toEqual([args[0], DENIED]);
  }
  expect((await ok(bob.neo(['target', 'list', '--json']))).of('target')).toMatchObject([
    { target: 'ann/documents', role: 'share' },
  ]);
});

it('is read after a prune has moved what it needs', async () => {
  await ok(ann.sh('rm work/secret/*; echo new > work/secret/new'));
  await ok(ann.neo(['snapshot', 'work', ...here()]));
  await ok(ann.neo(['forget', '--keep-last', '1', '--yes', ...here()]));
  await ok(ann.neo(['trash', '--empty', '--yes', ...here()]));
  await ok(ann.neo(['prune', '--sole-writer', '--grace', '0', '--max-unused', '0', ...here()]));
  await ok(bob.neo(['restore', '--share', share, '--to', 'again']));
  await ok(bob.sh(`diff -r again '${ann.at('work/talk')}'`));
});

it('ends when it is taken back', async () => {
  const [entry] = (await ok(ann.neo(['share', 'list', ...here(), '--json']))).of('share');
  await ok(ann.neo(['share', 'remove', String(entry?.['id']), ...here()]));
  expect((await bob.neo(['ls', '--share', share])).code).toBe(DENIED);
  expect((await ok(bob.neo(['target', 'list', '--json']))).of('target')).toEqual([]);
});

it('--debug-protocol says each request with sizes, and nothing of what is in them', async () => {
  const { stderr } = await ok(ann.neo(['target', 'list', '--debug-protocol', '--server', people.server.url]));
  expect(stderr).toMatch(/^neo: > POST \/v1\/control\/targets 2 bytes$/m);
  expect(stderr).toMatch(/^neo: < 200 POST \/v1\/control\/targets \d+ bytes, \d+ ms$/m);
  const listed = await ok(ann.neo(['snapshots', '--debug-protocol', ...here()]));
  expect(listed.stderr).toMatch(/^neo: > GET \/v1\/targets\/documents\/list\?folder=/m);
  expect(`${stderr}${listed.stderr}`).not.toContain('Bearer');
});
