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
