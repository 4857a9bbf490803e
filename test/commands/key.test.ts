import { existsSync, symlinkSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { filesBelow, User } from './user.ts';

let user: User;

/** Opened by a key file of role full, so that little is derived. */
beforeAll(async () => {
  user = await User.make();
  await user.openWithKeyFile();
  await user.folder('work');
  await writeFile(user.at('work', 'notes.txt'), 'remember the milk\n');
});

async function keys(more: NodeJS.ProcessEnv = {}): Promise<Map<unknown, ReturnType<typeof JSON.parse>>> {
  const { of } = await user.neo(['key', 'list', '--json'], more);
  return new Map(of('key').map((key) => [key['label'], key]));
}

describe('neo key add', () => {
  it('writes a key file for its owner alone, which saves and does not read', async () => {
    const args = ['key', 'add', '--role', 'write', '--label', 'laptop', '--out', 'laptop.key', '--json'];
    const added = await user.neo(args);
    expect([added.code, added.stderr]).toEqual([0, '']);
    expect(added.of('summary')).toEqual([
      {
        v: 1,
        type: 'summary',
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        label: 'laptop',
        role: 'write',
        file: 'laptop.key',
      },
    ]);
    expect((await stat(user.at('laptop.key'))).mode & 0o777).toBe(0o600);
    const open = { NEO_KEY_FILE: 'laptop.key' };
    const saved = await user.neo(['snapshot', 'work', '--json'], open);
    expect([saved.code, saved.of('summary')[0]]).toEqual([0, expect.objectContaining({ filesNew: 1, errors: 0 })]);
    const again = await user.neo(['snapshot', 'work', '--json'], open);
    expect(again.of('summary')[0]).toMatchObject({ bytesAdded: 0 });
    for (const command of [
      ['ls', 'latest'],
      ['restore', '--to', 'there'],
      ['snapshots'],
      ['key', 'add', '--out', 'x'],
    ]) {
      const refused = await user.neo(command, open);
      expect([refused.code, refused.stderr]).toEqual([13, expect.stringContaining('this key may only write')]);
    }
    expect([existsSync(user.at('there')), existsSync(user.at('x'))]).toEqual([false, false]);
    expect((await keys(open)).get('laptop')).toMatchObject({
      role: 'write',
      method: 'key',
      expires: null,
      current: true,
    });
  });

  it('never overwrites, and adds no key when the file cannot be written', async () => {
    await writeFile(user.at('precious'), 'mine');
    symlinkSync('/nowhere/at/all', user.at('dangling'));
    const before = await filesBelow(join(user.repository, 'keys'));
    for (const out of ['precious', 'dangling', 'no/such/folder']) {
      const { code, stderr } = await user.neo(['key', 'add', '--out', out]);
      expect([out, code]).toEqual([out, 1]);
      expect(stderr.split('\n').length).toBeLessThanOrEqual(3);
    }
    expect(await readFile(user.at('precious'), 'utf8')).toBe('mine');
    expect(await filesBelow(join(user.repository, 'keys'))).toEqual(before);
  });

  it('takes a new password from a place of its own, never that of the old one', async () => {
    const none = await user.neo(['key', 'add', '--label', 'second'], { NEO_PASSWORD: 'correct horse' });
    expect([none.code, none.stderr]).toEqual([12, expect.stringContaining('NEO_NEW_PASSWORD')]);
    await writeFile(user.at('new.txt'), 'battery staple\n', { mode: 0o600 });
    const args = ['key', 'add', '--label', 'second', '--new-password-file', 'new.txt', '--kdf', 'scrypt'];
    expect((await user.neo(args)).code).toBe(0);
    const open = { NEO_KEY_FILE: '', NEO_PASSWORD: 'battery staple' };
    expect((await keys(open)).get('second')).toMatchObject({ method: 'password', role: 'full', current: true });
    const wrong = await user.neo(['key', 'list'], { NEO_KEY_FILE: '', NEO_PASSWORD: 'battery' });
    expect([wrong.code, wrong.stdout]).toEqual([12, '']);
  });

  it('makes keys that end', async () => {
    const past = await user.neo(['key', 'add', '--out', 'past.key', '--expires', '2020-01-01']);
    expect([past.code, existsSync(user.at('past.key'))]).toEqual([2, false]);
    expect((await user.neo(['key', 'add', '--out', 'far.key', '--label', 'far', '--expires', '2099-06-30'])).code).toBe(
      0,
    );
    expect((await keys()).get('far').expires).toMatch(/^2099-0(6-30|7-01)T/);
  });
});

describe('neo key list', () => {
  it('is a table that marks the key in use', async () => {
    const { stdout } = await user.neo(['key', 'list']);
    expect(stdout).toMatch(/^ {3}ID +LABEL +ROLE +METHOD +CREATED +EXPIRES\n/);
    expect(stdout.split('\n').filter((line) => line.startsWith('*'))).toHaveLength(1);
  });
});

describe('neo key passwd and remove', () => {
  it('change one password and leave the others, and never lock out', async () => {
    const more = { NEO_NEW_PASSWORD: 'third time' };
    const { of, code } = await user.neo(['key', 'passwd', 'first password', '--json'], more);
    expect([code, of('summary')[0]]).toEqual([0, expect.objectContaining({ label: 'first password' })]);
    const asOld = await user.neo(['key', 'list'], { NEO_KEY_FILE: '' });
    expect(asOld.code).toBe(12);
    expect((await keys({ NEO_KEY_FILE: '', NEO_PASSWORD: 'third time' })).get('first password').current).toBe(true);
    const current = [...(await keys()).values()].find((key) => key.current);
    const refused = await user.neo(['key', 'remove', current.id.slice(0, 8)]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('is the key in use')]);
    expect((await user.neo(['key', 'passwd'])).stderr).toContain('is opened by a key file');
    expect((await user.neo(['key', 'remove', 'nobody'])).code).toBe(2);
  });
});

describe('neo key export and import', () => {
  it('print a recovery key that opens when all else is lost', async () => {
    const page = await user.neo(['key', 'export', '--paper', '--label', 'paper']);
    expect(page.code).toBe(0);
    expect(page.stdout.split('\n').filter((line) => /^ *\d+ {2}[0-9A-Z]{5} {2}[0-9A-Z]{2}$/.test(line))).toHaveLength(
      11,
    );
    await writeFile(user.at('typed.txt'), page.stdout.toLowerCase());
    const open = { NEO_KEY_FILE: '', NEO_PASSWORD: '' };
    const made = await user.neo(['key', 'import', '--paper', 'typed.txt', '--out', 'recovered.key'], open);
    expect([made.code, made.stdout]).toEqual([0, 'wrote a key file: recovered.key\n']);
    expect((await keys({ NEO_KEY_FILE: 'recovered.key' })).get('paper')).toMatchObject({
      method: 'recovery',
      current: true,
    });
    const password = { ...open, NEO_NEW_PASSWORD: 'after the fire' };
    expect((await user.neo(['key', 'import', '--paper', 'typed.txt', '--label', 'fire'], password)).code).toBe(0);
    expect((await keys({ NEO_KEY_FILE: '', NEO_PASSWORD: 'after the fire' })).get('fire').current).toBe(true);
    const slip = page.stdout.replace(
      /^( 4 {2})(.)/m,
      (_, start: string, digit: string) => start + (digit === '7' ? '8' : '7'),
    );
    await writeFile(user.at('slip.txt'), slip);
    const wrong = await user.neo(['key', 'import', '--paper', 'slip.txt', '--out', 'slip.key'], open);
    expect([wrong.code, wrong.stderr]).toEqual([12, expect.stringContaining('mistyped in line 4')]);
    expect(existsSync(user.at('slip.key'))).toBe(false);
  });

  it('read a recovery key from standard input, and write its page for the owner alone', async () => {
    const { code, stdout } = await user.neo(['key', 'export', '--paper', '--out', 'page.txt', '--label', 'page']);
    expect([code, stdout]).toEqual([0, 'wrote the recovery key to page.txt: print it\n']);
    expect((await stat(user.at('page.txt'))).mode & 0o777).toBe(0o600);
    const piped = await user.sh('neo key import --paper - --out piped.key < page.txt', { NEO_KEY_FILE: '' });
    expect([piped.code, piped.stderr]).toEqual([0, '']);
  });

  it('copy the key in use, and put a removed key back', async () => {
    expect((await user.neo(['key', 'export', '--out', 'copy.key'])).code).toBe(0);
    expect((await keys({ NEO_KEY_FILE: 'copy.key' })).size).toBe((await keys()).size);
    expect((await user.neo(['key', 'export'])).code).toBe(2);
    await user.neo(['key', 'add', '--out', 'back.key', '--label', 'back']);
    expect((await user.neo(['key', 'remove', 'back'])).code).toBe(0);
    expect((await keys()).has('back')).toBe(false);
    const back = await user.neo(['key', 'import', 'back.key', '--json']);
    expect([back.code, back.of('summary')[0]]).toEqual([0, expect.objectContaining({ added: true })]);
    expect((await keys()).has('back')).toBe(true);
    const other = await user.neo(['key', 'import', 'work/notes.txt']);
    expect([other.code, other.stderr]).toEqual([12, expect.stringContaining('no key file')]);
  });
});
