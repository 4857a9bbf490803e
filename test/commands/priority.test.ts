/** neo snapshot --priority: what matches is safe before the rest is read. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { beforeAll, describe, expect, it } from 'vitest';
import { environment, launcher } from '../house/run.ts';
import { User } from './user.ts';

const user = await User.make();

beforeAll(async () => {
  await user.openWithKeyFile();
  await user.sh('mkdir -p work/deep/er; seq 9 > work/deep/er/my.key; seq 8 > work/wallet.dat; seq 7 > work/notes');
  await user.sh('for n in 1 2 3 4 5 6; do head -c 40M /dev/urandom > work/large$n; done');
});

async function snapshotsByKind(kind: string): Promise<unknown[]> {
  const { of } = await user.neo(['snapshots', '--json', '--kind', kind]);
  return of('snapshot').map(({ id }) => id);
}

describe('priority files', () => {
  it('restore after a kill that comes as soon as they are said to be safe', async () => {
    const env = environment(user.home, { NEO_KEY_FILE: user.at('.key') });
    const child = spawn(process.execPath, [launcher, 'snapshot', 'work', '--priority', 'defaults', '--json'], {
      cwd: user.home,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let said = '';
    for await (const chunk of child.stdout) {
      said += String(chunk);
      // The launcher may have a process of its own.
      if (said.includes('"type":"priority"') && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect(said).not.toContain('"type":"summary"');
    expect(await snapshotsByKind('snapshot')).toEqual([]);
    const [partial, ...more] = await snapshotsByKind('partial');
    expect(more).toEqual([]);
    // It is no snapshot of everything, and is not taken for one.
    expect((await user.neo(['restore', 'latest', '--to', 'back'])).stderr).toContain('only a partial one');
    expect((await user.neo(['restore', String(partial), '--to', 'back'])).code).toBe(0);
    expect((await user.sh('cd back; find . -type f | grep -o "work/.*" | sort')).stdout).toBe(
      'work/deep/er/my.key\nwork/wallet.dat\n',
    );
    expect((await user.sh('for f in deep/er/my.key wallet.dat; do cmp work/$f back$PWD/work/$f; done')).stdout).toBe(
      '',
    );
  });

  it('are followed by all others, and make no partial snapshot where nothing of them is new', async () => {
    const first = await user.neo(['snapshot', 'work', '--priority', '*.key', '--json']);
    expect([first.code, first.of('priority')[0], first.of('summary')[0]]).toMatchObject([
      0,
      { snapshot: null, filesUnmodified: 1 },
      { kind: 'snapshot', filesUnmodified: 2, filesNew: 7 },
    ]);
    const again = await user.neo(['snapshot', 'work', '--priority', '*.key', '--json']);
    expect([again.of('priority')[0], again.of('summary')[0]]).toMatchObject([
      { snapshot: null },
      { filesUnmodified: 9, filesNew: 0, filesChanged: 0 },
    ]);
    await user.sh('echo changed > work/deep/er/my.key');
    const changed = await user.neo(['snapshot', 'work', '--priority', '*.key', '--priority', 'notes', '--json']);
    expect([changed.of('priority')[0], changed.of('summary')[0]]).toMatchObject([
      { snapshot: expect.any(String), filesChanged: 1, filesUnmodified: 1 },
      { filesUnmodified: 9, filesChanged: 0 },
    ]);
    // The rules of retention know that a complete one followed.
    expect(await snapshotsByKind('partial')).toHaveLength(2);
    expect((await user.neo(['forget', '--keep-last', '9', '--yes'])).code).toBe(0);
    expect(await snapshotsByKind('partial')).toEqual([]);
    expect(await snapshotsByKind('snapshot')).toHaveLength(3);
  });

  it('are nothing to a dry run, and may be none', async () => {
    const dry = await user.neo(['snapshot', 'work', '--priority', '*.key', '--dry-run', '--json']);
    expect([dry.code, dry.of('priority')]).toEqual([0, []]);
    const none = await user.neo(['snapshot', 'work', '--priority', '*.nothing', '--json']);
    expect([none.code, none.of('priority')[0]]).toEqual([0, expect.objectContaining({ snapshot: null })]);
  });

  it.each([
    [['--priority', '*.key', '--include', '*.txt'], 'exclude each other'],
    [['--priority', ''], 'empty'],
  ])('%j ends with 2', async (args, message) => {
    const run = await user.neo(['snapshot', 'work', ...args]);
    expect([run.code, run.stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
