import { beforeAll, describe, expect, it } from 'vitest';
import { User } from './user.ts';

const user = await User.make();

beforeAll(async () => {
  await user.openWithKeyFile();
  await user.sh(
    'mkdir -p work/deep; echo one > work/notes; echo x > work/deep/gone; touch -d 2020-02-02 work/deep/gone',
  );
  await user.sh('chmod 640 work/deep/gone');
  await user.neo(['snapshot', 'work']);
  await user.sh('echo two >> work/notes; rm -r work/deep');
  await user.neo(['snapshot', 'work']);
});

describe('the history of files', () => {
  it('is listed, printed and restored by the number of a version', async () => {
    expect((await user.neo(['versions', 'work/notes'])).stdout).toMatch(/^VERSION .*\n +1 .*\n +2 .* current\n$/);
    expect((await user.neo(['cat', 'work/notes', '--version', '1'])).stdout).toBe('one\n');
    expect((await user.neo(['restore', 'work/notes', '--version', '1', '--to', 'back'])).code).toBe(0);
    expect((await user.sh('cat back/notes')).stdout).toBe('one\n');
    const none = await user.neo(['cat', 'work/notes', '--version', '3']);
    expect([none.code, none.stderr]).toEqual([2, expect.stringMatching(/has no version 3, but versions 1 to 2/)]);
  });

  it('tells what was deleted, and brings it back as it was', async () => {
    expect((await user.neo(['find', '--deleted', 'gone'])).stdout).toMatch(
      / 2020-02-02 .*work\/deep\/gone +deleted\n$/,
    );
    expect((await user.neo(['versions', 'work/deep/gone'])).stdout).toContain('neo undelete');
    expect((await user.neo(['undelete', 'work/deep', '--dry-run'])).stdout).toContain('would be restored');
    expect((await user.sh('ls work')).stdout).toBe('notes\n');
    expect((await user.neo(['undelete', 'work/deep'])).code).toBe(0);
    expect((await user.sh('stat -c "%a %Y" work/deep/gone; cat work/deep/gone')).stdout).toBe(
      `640 ${(await user.sh('date -d 2020-02-02 +%s')).stdout}x\n`,
    );
    const again = await user.neo(['undelete', 'work/deep']);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('is there: it is not deleted')]);
  });

  it('is compared between snapshots, and with the disk', async () => {
    const lines = (await user.neo(['diff', 'latest~1', 'latest'])).stdout.replaceAll(user.at('work'), 'W');
    expect(lines).toBe('- W/deep/\n- W/deep/gone\nM W/notes\n');
    const text = await user.neo(['diff', 'work/notes@1', 'work/notes@2', '--text']);
    expect(text.stdout).toMatch(/^--- a.*\n\+\+\+ b.*\n@@ -1,1 \+1,2 @@\n one\n\+two\n$/);
    expect((await user.neo(['diff', 'latest~1', 'latest', '--stat'])).stdout).toContain(
      '0 added, 2 removed, 1 changed',
    );
    await user.sh('touch -r work/notes mark; printf "one\ntwX\n" > work/notes; touch -r mark work/notes');
    expect((await user.neo(['diff', 'latest', '--disk'])).stdout).toContain('M ');
    const bad = await user.neo(['verify-source', 'work']);
    expect([bad.code, bad.stdout]).toEqual([15, expect.stringContaining('1 damaged')]);
  });

  it('is written as an archive, on standard output or into a new file', async () => {
    await user.sh('mkdir out');
    const piped = await user.sh(
      'neo dump latest~1:$PWD/work | tar -xC out; diff -r out/work/deep work/deep && echo same',
    );
    expect([piped.stdout, piped.stderr]).toEqual(['same\n', '']);
    expect((await user.neo(['dump', 'latest', '-o', 'all.tar'])).stdout).toMatch(
      /^wrote \d+ entries, .* to all.tar\n$/,
    );
    const twice = await user.neo(['dump', 'latest', '-o', 'all.tar']);
    expect([twice.code, twice.stderr]).toEqual([1, expect.stringContaining('exists already')]);
    const early = await user.sh('neo dump latest | head -c 10 | wc -c');
    expect([early.stdout, early.stderr]).toEqual(['10\n', '']);
  });

  it.each([
    [2, 'compare with what', ['diff', 'latest']],
    [2, 'either a second', ['diff', 'latest', 'latest', '--disk']],
    [1, 'nothing at /nowhere', ['diff', 'latest:/nowhere', 'latest:/nowhere']],
    [1, 'no snapshot has anything', ['versions', 'nothing']],
    [1, 'no snapshot has anything', ['undelete', 'nothing']],
    [2, 'Invalid regular expression', ['find', '--regex', '(']],
    [2, 'at least, or at most', ['find', '--size', '3']],
    [2, 'no start of a hash', ['find', '--content', 'xyz']],
    [1, 'no snapshot with', ['verify-source', '/nowhere']],
  ])('ends with %i (%s)', async (code, message, args) => {
    const run = await user.neo(args);
    expect([run.code, run.stderr]).toEqual([code, expect.stringContaining(message)]);
  });
});
