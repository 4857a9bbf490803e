import { beforeAll, describe, expect, it } from 'vitest';
import { User } from './user.ts';

const ann = await User.make();
const bob = await User.make({});
const share = ann.at('talk.share');

beforeAll(async () => {
  await ann.openWithKeyFile();
  await ann.sh('mkdir -p work/talk/sub; echo one > work/talk/a; echo two > work/talk/sub/b; echo other > work/other');
  await ann.neo(['snapshot', 'work']);
  await bob.neo(['key', 'identity', 'bob', '--name', 'Bob']);
});

async function create(...more: readonly string[]) {
  return ann.neo(['share', 'create', `latest:${ann.at('work/talk')}`, ...more]);
}

describe('neo share', () => {
  it('is read by whom it was made for, with nothing else', async () => {
    const made = await create('--to', bob.at('bob.pub'), '--out', share, '-m', 'why', '--json');
    expect([made.code, made.of('summary')[0]]).toEqual([0, expect.objectContaining({ files: 2, bytes: 8 })]);
    const identity = { NEO_IDENTITY: bob.at('bob') };
    expect((await bob.neo(['ls', '-r', '--share', share], identity)).stdout).toBe('/a\n/sub\n/sub/b\n');
    expect((await bob.neo(['ls', '--share', share, 'sub'], identity)).stdout).toBe('/sub/b\n');
    expect((await bob.neo(['cat', '--share', share, 'sub/b'], identity)).stdout).toBe('two\n');
    expect((await bob.neo(['restore', '--share', share, '--to', 'here'], identity)).code).toBe(0);
    expect((await bob.sh('cat here/a here/sub/b')).stdout).toBe('one\ntwo\n');
    const dumped = await bob.sh(`neo dump --share ${share} sub | tar -t`, identity);
    expect(dumped.stdout).toBe('sub/\nsub/b\n');
    const nothing = await bob.neo(['cat', '--share', share, 'other'], identity);
    expect([nothing.code, nothing.stderr]).toEqual([1, expect.stringContaining('the share has nothing at /other')]);
  });

  it('is of no use to others', async () => {
    await bob.neo(['key', 'identity', 'eve']);
    expect((await bob.neo(['ls', '--share', share])).code).toBe(12);
    const { code, stderr } = await bob.neo(['ls', '--share', share, '--identity', bob.at('eve')]);
    expect([code, stderr]).toEqual([12, expect.stringContaining('made for another identity')]);
  });

  it('asks for its own password where it has one', async () => {
    const file = ann.at('asking.share');
    const protect = ['--protect', '--kdf', 'scrypt:16384,8,1', '--out', file];
    const made = await ann.neo(['share', 'create', `latest:${ann.at('work/talk/a')}`, ...protect], {
      NEO_NEW_PASSWORD: 'sesame',
    });
    expect(made.code).toBe(0);
    expect((await bob.neo(['ls', '--share', file], { NEO_PASSWORD: 'sesame' })).stdout).toBe('/a\n');
    const { code, stderr } = await bob.neo(['ls', '--share', file], { NEO_PASSWORD: 'other' });
    expect([code, stderr]).toEqual([12, expect.stringContaining('wrong password for the share')]);
  });

  it('writes over nothing, stores nothing in a dry run, and refuses what cannot be', async () => {
    const again = await create('--out', share);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('exists already')]);
    expect((await create('--out', 'dry.share', '-n')).stdout).toContain('would share');
    expect((await ann.sh('ls dry.share')).code).not.toBe(0);
    expect((await create('--out', 'x', '--to', share)).code).toBe(2);
    expect((await ann.neo(['share', 'create', 'latest', '--out', 'x'])).code).toBe(2);
    expect((await ann.neo(['share', 'create', 'latest:/none', '--out', 'x'])).code).toBe(1);
    expect((await bob.neo(['restore', '--share', share])).code).toBe(2);
    expect((await bob.neo(['ls', '--share', share, '--at', 'yesterday'])).code).toBe(2);
    expect((await ann.sh('ls x')).code).not.toBe(0);
    expect((await ann.neo(['share', 'list', '--json'])).of('share')).toHaveLength(2);
  });

  it('is found elsewhere, and taken back', async () => {
    const open = ann.at('open.share');
    await create('--out', open, '--location', '/nowhere');
    const lost = await bob.neo(['ls', '--share', open]);
    expect([lost.code, lost.stderr]).toEqual([10, expect.stringContaining('--repo LOCATION')]);
    expect((await bob.neo(['ls', '--share', open, '--repo', ann.repository])).stdout).toBe('/a\n/sub\n');
    const [newest] = (await ann.neo(['share', 'list', '--json'])).of('share');
    expect((await ann.neo(['share', 'remove', String(newest?.['id'])])).code).toBe(0);
    const gone = await bob.neo(['ls', '--share', open, '--repo', ann.repository]);
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining('not in the repository any more')]);
    expect((await ann.neo(['check', '--read-data'])).code).toBe(0);
  });
});

describe('neo share create --follow', () => {
  const file = ann.at('live.share');
  const read = async (path: string) => bob.neo(['cat', '--share', file, path]);
  const follows = async () =>
    (await ann.neo(['share', 'list', '--json'])).of('share').filter((each) => each['follows']);

  it('shows with the same file what each new snapshot brings, and nothing else, until it is taken back', async () => {
    expect((await create('--follow', '--out', file)).code).toBe(0);
    expect((await read('a')).stdout).toBe('one\n');
    const [before] = await follows();
    await ann.sh('echo three > work/talk/a; echo fresh > work/talk/c; echo hidden > work/hidden; rm work/talk/sub/b');
    const saved = await ann.neo(['snapshot', 'work']);
    expect([saved.code, saved.stderr]).toEqual([0, expect.stringContaining('shows it from now on')]);
    expect((await bob.neo(['ls', '-r', '--share', file])).stdout).toBe('/a\n/c\n/sub\n');
    expect((await read('a')).stdout).toBe('three\n');
    for (const path of ['hidden', 'other', '../hidden', 'sub/b']) expect((await read(path)).code).toBe(1);
    const [after, second] = await follows();
    expect([after?.['id'], after?.['made'], second]).toEqual([before?.['id'], before?.['made'], undefined]);
    expect(after?.['snapshot']).not.toBe(before?.['snapshot']);
    // Of other paths, and by others who take snapshots.
    await ann.sh('echo four > work/talk/a');
    await ann.neo(['snapshot', 'work/talk']);
    expect((await read('a')).stdout).toBe('three\n');
    expect((await ann.neo(['snapshot', 'work', '--dry-run'])).code).toBe(0);
    expect((await read('a')).stdout).toBe('three\n');
    const id = String(after?.['id']);
    await ann.neo(['key', 'add', '--role', 'write', '--out', 'write.key', '--label', 'w']);
    await ann.neo(['snapshot', 'work', '--key-file', ann.at('write.key')]);
    // A key that may only write, and not the one whose snapshot was shared: it decides nothing.
    expect((await ann.neo(['share', 'refresh', id])).stdout).toContain('1 share unchanged');
    await ann.neo(['snapshot', 'work']);
    expect((await read('a')).stdout).toBe('four\n');
    expect((await ann.neo(['share', 'remove', id])).code).toBe(0);
    await ann.sh('echo five > work/talk/a');
    expect((await ann.neo(['snapshot', 'work'])).code).toBe(0);
    const gone = await read('a');
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining('not in the repository any more')]);
    expect(await follows()).toEqual([]);
    expect((await ann.neo(['check', '--read-data'])).code).toBe(0);
  });

  it('follows what a key brings that may only write, with neo share refresh or neo prune', async () => {
    const carl = ann.at('carl.share');
    await ann.sh('mkdir -p box/in; echo one > box/in/a; echo no > box/b');
    const key = ['--key-file', ann.at('write.key')];
    expect((await ann.neo(['snapshot', 'box', ...key])).code).toBe(0);
    const path = `latest:${ann.at('box/in')}`;
    expect((await ann.neo(['share', 'create', path, '--follow', '--out', carl])).code).toBe(0);
    for (const command of [['share', 'refresh'], ['prune']]) {
      await ann.sh(`echo ${command[0]} > box/in/a`);
      expect((await ann.neo(['snapshot', 'box', ...key])).code).toBe(0);
      if (command[0] === 'share') {
        const dry = await ann.neo(['share', 'refresh', '-n', '--json']);
        expect(dry.of('summary')).toMatchObject([{ followed: [expect.anything()], failed: 0, dryRun: true }]);
      }
      expect((await ann.neo(command)).code).toBe(0);
      expect((await bob.neo(['cat', '--share', carl, 'a'])).stdout).toBe(`${command[0]}\n`);
    }
    await ann.sh('rm -r box/in');
    await ann.neo(['snapshot', 'box', ...key]);
    const left = await ann.neo(['share', 'refresh']);
    expect([left.code, left.stderr]).toEqual([3, expect.stringContaining('not in the newest snapshot')]);
    expect((await bob.neo(['cat', '--share', carl, 'a'])).stdout).toBe('prune\n');
    const [open] = (await ann.neo(['share', 'list', '--json'])).of('share').filter((each) => !each['follows']);
    expect((await ann.neo(['share', 'refresh', String(open?.['id'])])).code).toBe(2);
  });
});

describe('neo key add --recipient', () => {
  it('makes a key file that opens the repository for one person', async () => {
    const file = ann.at('for-bob.key');
    const add = ['key', 'add', '--recipient', bob.at('bob.pub'), '--label', 'Bob', '--out', file];
    expect((await ann.neo(add)).code).toBe(0);
    const there = ['--repo', ann.repository, '--key-file', file];
    expect((await bob.neo(['snapshots', ...there])).code).toBe(12);
    expect((await bob.neo(['snapshots', ...there, '--identity', bob.at('bob')])).code).toBe(0);
  });
});
