/** One repository in two places, without a key. */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { systemRandom } from '../../src/core/random.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { summaryOf } from './people.ts';
import { filesBelow, QUICK_KDF, User } from './user.ts';

const INTEGRITY = 15;
const engine = await loadEngine();
const user = await User.make();
/** Nobody who copies has it. */
const NO_KEY = { NEO_PASSWORD: '' };

const replicate = (from: string, to: string, ...more: string[]) =>
  user.neo(['replicate', '--from', from, '--to', to, '--json', ...more], NO_KEY);

/** As many objects of random bytes, with right names. @returns their paths */
async function addObjects(repository: string, count: number): Promise<string[]> {
  const paths: string[] = [];
  for (let n = 0; n < count; n++) {
    const bytes = systemRandom.bytes(100);
    const name = toHex(engine.blake3(bytes));
    const path = `packs/${name.slice(0, 2)}/${name}`;
    await mkdir(dirname(user.at(repository, path)), { recursive: true });
    await writeFile(user.at(repository, path), bytes);
    paths.push(path);
  }
  return paths;
}

/** All objects; folders may be empty. */
async function isSame(one: string, other: string): Promise<void> {
  const objects = (await filesBelow(user.at(one))).filter((path) => !path.endsWith('.swept'));
  expect(await filesBelow(user.at(other))).toEqual(objects);
  for (const path of objects) {
    expect(await readFile(user.at(other, path))).toEqual(await readFile(user.at(one, path)));
  }
}

beforeAll(async () => {
  await user.sh('mkdir work; seq 50000 > work/a; head -c 3M /dev/urandom > work/b');
  const init = await user.neo(['init', ...QUICK_KDF, '--repo', 'one']);
  if (init.code !== 0) throw new Error(init.stderr);
  await user.neo(['snapshot', 'work', '--repo', 'one']);
});

describe('neo replicate', () => {
  it('says what it would do, and makes nothing', async () => {
    const { stdout } = await user.neo(['replicate', '--from', 'one', '--to', 'new/two', '-n'], NO_KEY);
    expect(stdout).toMatch(/^config: 1 object, .*\nindex: .*\nkeys: 1 object, (.*\n)+\d+ objects would be copied, /);
    expect(summaryOf(await replicate('one', 'new/two', '-n'))).toMatchObject({ dryRun: true, damaged: 0 });
    expect((await user.sh('ls')).stdout).toBe('one\nwork\n');
  });

  it('copies all, which the same password opens, and then nothing', async () => {
    const all = await filesBelow(user.at('one'));
    const first = await replicate('one', 'two');
    expect([first.code, first.stderr]).toEqual([0, '']);
    expect(summaryOf(first)).toMatchObject({ copied: all.length, from: user.at('one'), to: user.at('two') });
    await isSame('one', 'two');
    expect((await user.neo(['check', '--read-data', '--repo', 'two'])).code).toBe(0);
    await user.sh('neo restore latest --to back --repo two');
    expect((await user.sh('diff -r work back$PWD/work && echo same')).stdout).toBe('same\n');
    const again = await replicate('one', 'two');
    expect(summaryOf(again)).toMatchObject({ copied: 0, bytesStored: 0, removedThere: 0, vanished: 0, conflicts: 0 });
  });

  it('copies what is lacking, and no more', async () => {
    const added = await addObjects('one', 300);
    await replicate('one', 'two');
    for (const path of added.slice(0, 7)) await rm(user.at('two', path));
    const run = await replicate('one', 'two');
    expect(summaryOf(run)).toMatchObject({ copied: 7, bytesStored: 700 });
    expect(run.of('copied')).toEqual([{ v: 1, type: 'copied', folder: 'packs', objects: 7, bytes: 700 }]);
    await isSame('one', 'two');
    for (const path of added) for (const place of ['one', 'two']) await rm(user.at(place, path));
  });

  it('names what is damaged, and copies the rest', async () => {
    await cp(user.at('one'), user.at('damaged'), { recursive: true });
    const [whole = '', damaged = ''] = await addObjects('damaged', 2);
    await writeFile(user.at('damaged', damaged), systemRandom.bytes(100));
    for (const place of ['two', 'fresh']) {
      const run = await replicate('damaged', place);
      expect(run.code).toBe(INTEGRITY);
      expect(run.of('damaged')).toEqual([{ v: 1, type: 'damaged', object: damaged }]);
      expect(summaryOf(run)).toMatchObject({ damaged: 1, copied: expect.any(Number) });
      expect(await filesBelow(user.at(place))).toContain(whole);
      expect(await filesBelow(user.at(place))).not.toContain(damaged);
      await rm(user.at(place, whole));
    }
  });

  it('leaves another object alone that has the name already', async () => {
    await cp(user.at('one'), user.at('forged'), { recursive: true });
    const [longer = '', ...others] = await addObjects('forged', 3);
    await mkdir(dirname(user.at('two', longer)), { recursive: true });
    await writeFile(user.at('two', longer), 'something else');
    const run = await replicate('forged', 'two');
    expect([run.code, run.of('conflict')]).toEqual([INTEGRITY, [{ v: 1, type: 'conflict', object: longer }]]);
    expect(await readFile(user.at('two', longer), 'utf8')).toBe('something else');
    expect(summaryOf(run)).toMatchObject({ copied: others.length, conflicts: 1 });
    for (const path of [longer, ...others]) await rm(user.at('two', path));
  });

  it.each([
    ['another repository', 'neo init --kdf scrypt:16384,8,1 --repo taken -q', 1, 'another repository is at'],
    ['other files', 'mkdir taken; echo 1 > taken/photo', 1, 'holds other files'],
    ['files that nobody can take for objects', 'mkdir taken; echo 1 > "taken/A b"', 1, 'holds other files'],
    ['a part of another repository', 'neo init --repo taken -q; rm taken/config/*', 1, 'another repository is at'],
  ])('changes nothing where %s is', async (_, make, code, message) => {
    await user.sh(`rm -rf taken; ${make}`);
    const before = await filesBelow(user.at('taken'));
    const run = await replicate('one', 'taken');
    expect([run.code, run.stderr]).toEqual([code, expect.stringContaining(message)]);
    expect(await filesBelow(user.at('taken'))).toEqual(before);
  });

  it('needs a repository to copy', async () => {
    const run = await replicate('none', 'two');
    expect([run.code, run.stderr]).toEqual([10, expect.stringContaining('no repository at')]);
  });

  it('does not make a repository of what is not whole, and goes on with it', async () => {
    await replicate('one', 'part');
    for (const path of await filesBelow(user.at('part'))) {
      if (/^(snapshots|config)\//.test(path)) await rm(user.at('part', path));
    }
    expect((await user.neo(['snapshots', '--repo', 'part'])).code).not.toBe(0);
    expect((await replicate('part', 'nowhere')).code).toBe(10);
    expect(summaryOf(await replicate('one', 'part'))).toMatchObject({ copied: 2 });
    await isSame('one', 'part');
  });

  it('leaves what was pruned to a prune of the replica, which frees it', async () => {
    await replicate('one', 'mirror');
    await user.sh('rm work/b; seq 60000 > work/a; neo snapshot work --repo one');
    await user.sh('neo forget --keep-last 1 --trash 0 --yes --repo one; neo prune --sole-writer --grace 0 --repo one');
    expect((await replicate('one', 'mirror')).code).toBe(0);
    expect((await user.neo(['check', '--read-data', '--repo', 'mirror'])).code).toBe(0);
    const packs = async (place: string) => (await filesBelow(user.at(place, 'packs'))).sort();
    expect((await packs('mirror')).length).toBeGreaterThan((await packs('one')).length);
    const pruned = await user.neo(['prune', '--sole-writer', '--grace', '0', '--repo', 'mirror']);
    expect([pruned.code, await packs('mirror')]).toEqual([0, await packs('one')]);
    expect((await user.neo(['check', '--read-data', '--repo', 'mirror'])).code).toBe(0);
    expect(summaryOf(await replicate('one', 'mirror'))).toMatchObject({ copied: 0 });
  });

  it('refuses to be told half', async () => {
    const run = await user.neo(['replicate', '--from', 'one']);
    expect([run.code, run.stderr]).toEqual([2, expect.stringContaining('missing required flag')]);
  });
});
