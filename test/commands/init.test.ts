import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesBelow, User } from './user.ts';

async function contentsOf(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of await filesBelow(folder)) files.set(name, await readFile(join(folder, name), 'hex'));
  return files;
}

describe('neo init', () => {
  it('makes the default repository and says what to do next', async () => {
    const user = await User.make();
    const { code, stdout, stderr } = await user.neo(['init']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^made repository [0-9a-f]{8} at .*neo\/repository\n$/)]);
    expect(stderr).toContain('without the password nobody can read it, not even you');
    expect(stderr).toContain('next: neo snapshot PATH');
    expect((await stat(user.repository)).mode & 0o777).toBe(0o700);
    expect((await user.neo(['snapshots'])).code).toBe(0);
  });

  it('tells a program what it made', async () => {
    const user = await User.make();
    const place = user.at('a place');
    const args = ['--chunker', '128k,512k,2M', '--pack-size', '32M', '--compression', 'better'];
    const made = await user.neo(['init', '--repo', place, ...args, '--suite', 'chacha20-poly1305', '--json']);
    expect(made.code).toBe(0);
    expect(made.objects()).toEqual([
      {
        v: 1,
        type: 'summary',
        repository: expect.stringMatching(/^[0-9a-f]{32}$/),
        location: place,
        chunker: { min: 131_072, average: 524_288, max: 2_097_152 },
        packSize: 33_554_432,
        compression: 9,
        suite: 'chacha20-poly1305',
      },
    ]);
    expect(made.stderr).toContain(`next: neo snapshot --repo '${place}' PATH`);
  });

  it('leaves an existing repository alone', async () => {
    const user = await User.make();
    await user.neo(['init']);
    const before = await contentsOf(user.repository);
    const again = await user.neo(['init', '--json', '--compression', 'max'], { NEO_PASSWORD: 'another' });
    expect([again.code, again.of('error')]).toEqual([1, [expect.objectContaining({ code: 'already-exists' })]]);
    expect(await contentsOf(user.repository)).toEqual(before);
  });

  it('refuses a folder of other files, before it asks for a password', async () => {
    const user = await User.make();
    const place = user.at('documents');
    await mkdir(join(place, 'keys'), { recursive: true });
    await writeFile(join(place, 'letter'), 'dear');
    const refused = await user.neo(['init', '--repo', place], { NEO_PASSWORD: undefined });
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('holds other files, such as "letter"')]);
    expect(refused.stderr).toContain('name a new or an empty folder');
    expect((await contentsOf(place)).size).toBe(1);
    // What a file system puts there by itself, and what an earlier attempt left, is no obstacle.
    await rename(join(place, 'letter'), join(place, 'lost+found'));
    expect((await user.neo(['init', '--repo', place])).code).toBe(0);
  });

  it.each([
    ['--chunker', '64k,256k'],
    ['--chunker', '64k,256k,1M,2M'],
    ['--chunker', '64k,300k,1M'],
    ['--chunker', '256k,256k,1M'],
    ['--chunker', '1,16k,1M'],
    ['--chunker', '64k,256k,1G'],
    ['--chunker', 'small'],
    ['--pack-size', '1k'],
    ['--pack-size', '1T'],
    ['--pack-size', '-1'],
    ['--compression', '23'],
    ['--compression', 'best'],
    ['--suite', 'rot13'],
    ['--kdf', 'md5'],
    ['--kdf', 'scrypt:2,8,1'],
    ['--repo', ''],
    ['--repo', 'gopher://host'],
  ])('refuses %s %s and changes nothing', async (flag, value) => {
    const user = await User.make();
    const { code, stderr } = await user.neo(['init', flag, value]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^neo: /)]);
    expect(existsSync(user.at('.local'))).toBe(false);
  });

  it('makes nothing without a password', async () => {
    const user = await User.make({});
    const { code, stderr } = await user.neo(['init']);
    expect([code, stderr]).toEqual([12, expect.stringContaining('NEO_PASSWORD')]);
    expect(existsSync(user.at('.local'))).toBe(false);
    expect((await user.neo(['init'], { NEO_PASSWORD_COMMAND: 'false' })).code).toBe(12);
    expect(existsSync(user.at('.local'))).toBe(false);
  });

  it('lowers a compression beyond the engine, and says so', async () => {
    const user = await User.make();
    const made = await user.neo(['init', '--compression', 'max', '--json'], { NEO_ENGINE: 'portable' });
    expect(made.code).toBe(0);
    expect(made.stderr).toMatch(/portable engine compresses up to level 9: 9 in place of 19/);
    expect(made.of('note')).toHaveLength(1);
    expect(made.of('summary')).toMatchObject([{ compression: 9 }]);
  });

  it('says when the place is a file, and takes an empty folder', async () => {
    const user = await User.make();
    await user.sh('echo hello > file');
    const { code, stderr } = await user.neo(['init', '--repo', 'file']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('is not a folder')]);
    await mkdir(user.at('sub'));
    expect((await user.neo(['init', '--repo', 'sub'])).code).toBe(0);
  });
});
