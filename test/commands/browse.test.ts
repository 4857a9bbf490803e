import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { environment, launcher } from '../house/run.ts';
import { Terminal, tmuxIsThere } from '../support/tmux.ts';
import { User } from './user.ts';

const ann = await User.make();
const bob = await User.make({});
const work = ann.at('work');
const share = ann.at('talk.share');
let terminal: Terminal | undefined;

beforeAll(async () => {
  await ann.openWithKeyFile();
  await ann.sh(`mkdir -p work/talk/sub work/many "work/$(printf 'w\\xffx')"
    printf 'first line\\nsecond \\033[31mline\\n' > work/talk/notes.txt; echo secret > work/diary
    head -c 100 /dev/zero > work/zeros; touch work/日本語.txt; ln -s diary work/link
    for n in $(seq 1000 1499); do echo $n > work/many/$n; done; seq 5000 > work/numbers`);
  for (const [name, note] of [
    ['old', 'first'],
    ['new', 'second'],
  ]) {
    await ann.sh(`echo ${note} > work/talk/${name}`);
    const { code, stderr } = await ann.neo(['snapshot', 'work', '--tag', String(note)]);
    if (code !== 0) throw new Error(stderr);
  }
  await bob.neo(['key', 'identity', 'bob']);
  const to = ['--to', bob.at('bob.pub'), '--out', share];
  const { code, stderr } = await ann.neo(['share', 'create', `latest:${work}/talk`, ...to]);
  if (code !== 0) throw new Error(stderr);
});

afterEach(async () => {
  await terminal?.close();
  terminal = undefined;
});

async function browse(user: User, args: readonly string[], more: NodeJS.ProcessEnv = {}, size = {}): Promise<Terminal> {
  terminal = await Terminal.start([process.execPath, launcher, 'browse', ...args], {
    env: { ...environment(user.home), ...more },
    cwd: user.home,
    ...size,
  });
  return terminal;
}

const byAnn = { NEO_KEY_FILE: ann.at('.key') };

describe.skipIf(!tmuxIsThere())('neo browse', () => {
  it('goes from snapshots to files and back, and leaves with q', async () => {
    const at = await browse(ann, [], byAnn);
    const all = await at.shows('1 of 2');
    // The newest first.
    expect(all.split('\n').slice(1, 4)).toEqual([
      expect.stringMatching(/^ {2}TIME +SNAPSHOT +HOST +SIZE +ADDED +PATHS/),
      expect.stringMatching(/^> .* #second/),
      expect.stringMatching(/^ {2}2.* #first/),
    ]);
    await at.keys('Enter');
    const root = await at.shows('diary');
    // Bytes that are no text, wide letters, and no more than the width.
    expect(root).toContain('w\\xffx/');
    expect(root).toMatch(/日本語\.txt +0 B/);
    expect(root).toContain('link → diary');
    expect(Math.max(...root.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    await at.keys('End');
    await at.shows(/> 日本語/);
    await at.keys('Up');
    await at.shows(/> zeros/);
    await at.keys('Enter');
    await at.shows('00000000  00 00 00');
    await at.keys('Escape');
    await at.shows(/> zeros/);
    await at.keys('Escape');
    await at.shows('1 of 2');
    await at.keys('j');
    await at.shows('2 of 2');
    await at.keys('Enter');
    await at.shows('diary');
    await at.keys('q');
    await at.shows(/^exit 0/);
  });

  it('shows text as it is, and nothing that a terminal would obey', async () => {
    const at = await browse(ann, [`latest:${work}/talk`], byAnn);
    await at.shows('notes.txt');
    // What is typed at once counts each for itself.
    await at.keys('jl');
    const text = await at.shows('second');
    expect(text.split('\n').slice(1, 4)).toEqual(['first line', 'second \\x1b[31mline', '']);
    expect(text).toMatch(/28 B · mode 0\d{3} · /);
    await at.keys('?');
    await at.shows('open what is chosen');
    await at.keys('?');
    await at.shows('second');
    await at.keys('q');
    await at.shows(/^exit 0/);
  });

  it('keeps what is chosen in sight in long lists, in a window that is resized', async () => {
    const at = await browse(ann, [`latest:${work}/many`], byAnn);
    await at.shows('1 of 500');
    await at.keys('G');
    await at.shows(/> 1499/);
    await at.resize(60, 10);
    await at.shows(/^\S* › .*\n[\s\S]*> 1499 [\s\S]*500 of 500/);
    await at.keys('PageUp');
    await at.shows('495 of 500');
    await at.keys('g');
    await at.shows('1 of 500');
    await at.resize(200, 50);
    await at.shows('1045');
    await at.keys('q');
    // Where the window was resized meanwhile tmux 3.3 does not bring back the screen as it was.
    await at.shows('exit 0');
  });

  it('restores the screen after Ctrl-C', async () => {
    const at = await browse(ann, [], byAnn);
    await at.shows('1 of 2');
    await at.keys('C-c');
    const screen = await at.shows('exit 130');
    expect(screen).not.toContain('SNAPSHOT');
  });

  it('reads a share with nothing else, and only what is in it', async () => {
    const at = await browse(bob, ['--share', share], { NEO_IDENTITY: bob.at('bob') });
    const root = await at.shows('notes.txt');
    expect(root).not.toContain('diary');
    await at.keys('Enter');
    await at.shows('second');
    await at.keys('Escape');
    await at.shows('notes.txt');
    await at.keys('G');
    await at.shows(/> sub/);
    await at.keys('Enter');
    await at.shows('nothing is here');
    await at.keys('q');
    await at.shows(/^exit 0/);
  });

  it('says what cannot be read, and goes on', async () => {
    const at = await browse(ann, ['latest:/nowhere'], byAnn);
    await at.shows('has nothing at /nowhere');
    await at.keys('Escape');
    await at.shows('1 of 2');
    await at.keys('q');
    await at.shows(/^exit 0/);
  });
});

describe('without a terminal', () => {
  it.each([[[]], [['--json']], [['--share', share]]])('browse %j is refused', async (args) => {
    const { code, stderr, stdout } = await ann.neo(['browse', ...args], byAnn);
    expect([code, stdout === '' || args.includes('--json')]).toEqual([2, true]);
    expect(stderr + stdout).toContain('browse needs a terminal');
  });
});
