/** Accounts, targets and what lets others in, at a server that runs: quota, sub-accounts, grants, tokens, devices, administration. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launcher } from '../house/run.ts';
import { ok, onTerminal, PASSWORD, People, summaryOf } from './people.ts';
import { User } from './user.ts';

const DENIED = 13;

let people: People;
beforeAll(async () => {
  people = await People.start();
});
afterAll(() => people.server.stop());

describe('a quota', () => {
  it('ends a snapshot that needs more, until there is room again', async () => {
    const ann = await people.make('ann', '--quota', '3M');
    await ok(ann.neo(['target', 'create', 'documents']));
    await people.withSnapshot(ann, 'documents', 2048);
    await ok(ann.neo(['restore', 'latest', '--to', 'back', '--repo', people.at('documents')]));
    await ok(ann.sh('diff -r work "$(dirname "$(find back -name file)")"'));
    await ok(ann.sh('head -c 2M /dev/urandom > work/file'));
    const full = await ann.neo(['snapshot', 'work', '--repo', people.at('documents')]);
    expect([full.code, full.stderr]).toEqual([14, expect.stringMatching(/ of 3\.0 MiB.* used, and .* needed/)]);
    await ok(ann.neo(['forget', 'latest', '--repo', people.at('documents')]));
    await ok(ann.neo(['trash', '--empty', '--yes', '--repo', people.at('documents')]));
    await ok(ann.neo(['prune', '--sole-writer', '--grace', '0', '--repo', people.at('documents')]));
    await ok(ann.neo(['snapshot', 'work', '--repo', people.at('documents')]));
    const usage = summaryOf(await ok(ann.neo(['account', 'usage', '--json'])));
    expect(usage).toMatchObject({ account: 'ann', quota: 3 << 20, perObject: 0, objects: expect.any(Number) });
    expect(usage['used']).toBe(usage['bytes']);
    expect(Number(usage['used'])).toBeGreaterThan(2 << 20);
    const shown = await ok(ann.neo(['account', 'show']));
    expect(shown.stdout).toMatch(/^account +ann$/m);
    expect(shown.stdout).toMatch(/^used +2\.\d MiB of 3\.0 MiB$/m);
    await ok(people.admin.neo(['admin', 'user', 'set', 'ann', '--quota', 'none', '--per-object', '1k']));
    const listed = (await ok(people.admin.neo(['admin', 'user', 'list', '--json']))).of('account');
    expect(listed.find(({ name }) => name === 'ann')).toMatchObject({ quota: null, perObject: 1024, parent: null });
    expect((await people.admin.neo(['admin', 'user', 'set', 'ann'])).code).toBe(2);
    expect((await ann.neo(['admin', 'user', 'list'])).code).toBe(DENIED);
  });
});

describe('a sub-account', () => {
  it('may do what it is granted, until that is taken back', async () => {
    const owner = await people.make('owner');
    await people.withSnapshot(owner, 'photos');
    const laptop = await User.make(PASSWORD);
    const add = ['account', 'sub', 'add', 'laptop', '--json'];
    expect((await owner.neo([...add, '--target', 'nothing', '--role', 'append'])).code).toBe(10);
    expect((await owner.neo([...add, '--target', 'photos'])).code).toBe(2);
    await people.follow(await ok(owner.neo([...add, '--target', 'photos', '--role', 'append'])), laptop);
    const there = ['--repo', people.at('photos')];
    expect((await ok(laptop.neo(['target', 'list', '--json']))).of('target')).toMatchObject([
      { target: 'photos', owner: 'owner', role: 'append' },
    ]);
    await ok(laptop.sh('mkdir own; echo 1 > own/a'));
    await ok(laptop.neo(['snapshot', 'own', ...there]));
    expect((await laptop.neo(['forget', 'latest', ...there])).code).toBe(DENIED);
    await ok(owner.neo(['forget', 'latest~1', ...there]));
    await ok(owner.neo(['trash', '--empty', '--yes', ...there]));
    expect((await laptop.neo(['prune', '--sole-writer', '--grace', '0', ...there])).code).toBe(DENIED);
    expect((await laptop.neo(['target', 'create', 'other'])).code).toBe(DENIED);

    await ok(owner.neo(['account', 'grant', 'add', 'photos', '--to', 'laptop', '--role', 'read']));
    await ok(laptop.neo(['restore', 'latest', '--to', 'back', ...there]));
    await ok(laptop.sh('echo 2 > own/a'));
    expect((await laptop.neo(['snapshot', 'own', ...there])).code).toBe(DENIED);
    expect((await ok(owner.neo(['account', 'grant', 'list', '--json']))).of('grant')).toMatchObject([
      { target: 'photos', to: 'laptop', role: 'read', expires: null },
    ]);
    const remove = ['account', 'grant', 'remove', 'photos', '--to', 'laptop'];
    await ok(owner.neo([...remove, '-n']));
    await ok(laptop.neo(['snapshots', ...there]));
    await ok(owner.neo(remove));
    expect((await owner.neo([...remove, '-n'])).code).toBe(1);
    expect((await laptop.neo(['snapshots', ...there])).code).toBe(DENIED);

    await ok(owner.neo(['account', 'sub', 'set', 'laptop', '--disable']));
    expect((await laptop.neo(['account', 'show'])).code).toBe(DENIED);
    const subs = await ok(owner.neo(['account', 'sub', 'list', '--json']));
    expect(subs.of('account')).toMatchObject([{ name: 'laptop', parent: 'owner', isDisabled: true }]);
    await ok(owner.neo(['account', 'sub', 'set', 'laptop', '--enable', '--expires', '2099-01-01']));
    await ok(laptop.neo(['account', 'show']));
    await ok(owner.neo(['account', 'sub', 'remove', 'laptop', '--dry-run']));
    await ok(owner.neo(['account', 'sub', 'remove', 'laptop']));
    expect((await laptop.neo(['account', 'show'])).code).toBe(DENIED);
  });
});

describe('another account', () => {
  it('sees what it is granted as OWNER/NAME', async () => {
    const [carol, dave] = [await people.make('carol'), await people.make('dave')];
    await people.withSnapshot(carol, 'papers');
    await ok(carol.neo(['account', 'grant', 'add', 'papers', '--to', 'dave', '--role', 'read']));
    const list = await ok(dave.neo(['target', 'list']));
    expect(list.stdout).toMatch(/^carol\/papers +read +\d+ +/m);
    await ok(dave.neo(['restore', 'latest', '--to', 'back', '--repo', people.at('carol/papers')]));
    expect((await dave.neo(['target', 'remove', 'papers', '--yes'])).code).toBe(10);
  });
});

describe('a token', () => {
  it('lets in whoever has it, from anywhere, until it is revoked', async () => {
    const erin = await people.make('erin');
    await people.withSnapshot(erin, 'mail');
    await ok(erin.neo(['target', 'create', 'other']));
    const made = await ok(
      erin.neo(['account', 'token', 'create', 'nightly', '--target', 'mail', '--expires', '2099-01-01', '--json']),
    );
    const { id, token, fingerprint } = summaryOf(made);
    const env = { ...PASSWORD, NEO_TOKEN: people.secret(token), NEO_FINGERPRINT: String(fingerprint) };
    const script = await User.make(env);
    await ok(script.sh('mkdir own; echo 1 > own/a'));
    await ok(script.neo(['snapshot', 'own', '--repo', people.at('mail')]));
    expect((await script.neo(['forget', 'latest', '--repo', people.at('mail')])).code).toBe(DENIED);
    expect((await script.neo(['snapshots', '--repo', people.at('other')])).code).toBe(DENIED);
    expect((await script.neo(['account', 'device', 'invite', '--server', people.server.url])).code).toBe(DENIED);
    const shown = await ok(script.neo(['account', 'show', '--server', people.server.url, '--json']));
    expect(summaryOf(shown)).toMatchObject({ name: 'erin', role: 'append', device: null, token: id });
    const revoke = ['account', 'token', 'revoke', String(id).slice(0, 6)];
    await ok(erin.neo([...revoke, '-n']));
    await ok(script.neo(['snapshots', '--repo', people.at('mail')]));
    await ok(erin.neo(revoke));
    expect((await script.neo(['snapshots', '--repo', people.at('mail')])).code).toBe(DENIED);
    expect((await erin.neo(revoke)).code).toBe(2);
    const listed = await ok(erin.neo(['account', 'token', 'list', '--json']));
    expect(listed.of('token')).toMatchObject([{ id, target: 'mail', revoked: expect.stringMatching(/Z$/) }]);
    expect(listed.stdout).not.toContain(token);
  });
});

describe('a device', () => {
  it('is invited, and ended at once', async () => {
    const frank = await people.make('frank');
    await people.withSnapshot(frank, 'music');
    const other = await User.make(PASSWORD);
    const invited = await ok(
      frank.neo(['account', 'device', 'invite', '--role', 'append', '--until', '2099-01-01', '--json']),
    );
    await people.follow(invited, other, '--device other');
    await ok(other.neo(['snapshots', '--repo', people.at('music')]));
    const { code } = summaryOf(invited);
    const again = await User.make(PASSWORD);
    const login = ['login', people.server.url, '--code', String(code), '--fingerprint', people.server.fingerprint];
    expect((await again.neo(login)).code).toBe(DENIED);
    const devices = (await ok(frank.neo(['account', 'device', 'list', '--json']))).of('device');
    expect(devices).toMatchObject([{ isThis: true }, { isThis: false, name: 'other', role: 'append', revoked: null }]);
    const id = String(devices[1]?.['id']);
    expect((await frank.neo(['account', 'device', 'revoke', 'zz'])).code).toBe(2);
    expect((await other.neo(['account', 'device', 'list'])).code).toBe(DENIED);
    await ok(frank.neo(['account', 'device', 'revoke', id.slice(0, 8)]));
    const refused = await other.neo(['snapshots', '--repo', people.at('music')]);
    expect([refused.code, refused.stderr]).toEqual([DENIED, expect.stringContaining('not logged in')]);
  });
});

describe('an administrator', () => {
  it('keeps an account out, and invites it again', async () => {
    const kim = await people.make('kim');
    await ok(people.admin.neo(['admin', 'user', 'set', 'kim', '--disable']));
    const refused = await kim.neo(['account', 'show']);
    expect(refused.code).toBe(DENIED);
    await ok(people.admin.neo(['admin', 'user', 'set', 'kim', '--enable', '--administrator', '--expires', 'never']));
    await ok(kim.neo(['admin', 'user', 'list']));
    await ok(people.admin.neo(['admin', 'user', 'set', 'kim', '--no-administrator']));
    expect((await kim.neo(['admin', 'user', 'list'])).code).toBe(DENIED);
    await people.follow(await ok(people.admin.neo(['admin', 'user', 'invite', 'kim', '--json'])), await User.make());
    expect((await people.admin.neo(['admin', 'user', 'set', 'admin', '--no-administrator'])).code).toBe(2);
  });

  it('removes accounts, and owners their targets, with all that is in them', async () => {
    const leo = await people.make('leo');
    await people.withSnapshot(leo, 'one');
    await people.withSnapshot(leo, 'two');
    const remove = ['target', 'remove', 'one'];
    const would = summaryOf(await ok(leo.neo([...remove, '--dry-run', '--json'])));
    expect(would).toMatchObject({ removed: 'one', dryRun: true, objects: expect.any(Number) });
    const asked = await leo.neo(remove);
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('--yes')]);
    const no = await onTerminal(leo, remove, [['for good?', 'n\r']]);
    expect([no.code, no.screen]).toEqual([1, expect.stringContaining('nothing was done')]);
    await ok(leo.neo(['snapshots', '--repo', people.at('one')]));
    expect((await onTerminal(leo, remove, [['for good?', 'y\r']])).code).toBe(0);
    expect((await leo.neo(['snapshots', '--repo', people.at('one')])).code).toBe(10);
    expect((await ok(leo.neo(['target', 'list', '--json']))).of('target')).toMatchObject([{ target: 'two' }]);

    const user = ['admin', 'user', 'remove', 'leo'];
    expect((await people.admin.neo(user)).code).toBe(2);
    expect(Number(summaryOf(await ok(people.admin.neo([...user, '-n', '--json'])))['bytes'])).toBeGreaterThan(64 << 10);
    const gone = summaryOf(await ok(people.admin.neo([...user, '--yes', '--json'])));
    expect(Number(gone['bytes'])).toBeGreaterThan(64 << 10);
    expect((await leo.neo(['account', 'show'])).code).toBe(DENIED);
    expect((await people.admin.neo([...user, '--yes'])).code).toBe(1);
  });

  it('has all counted again, and is told what differed', async () => {
    const mia = await people.make('mia');
    await people.withSnapshot(mia, 'counted');
    const same = await ok(people.admin.neo(['admin', 'fsck', '--json']));
    expect(summaryOf(same)).toMatchObject({ differed: 0 });
    const inside = await readdir(people.server.dataRoot, { recursive: true });
    const snapshots = inside
      .filter((path) => path.endsWith('/snapshots'))
      .map((path) => join(people.server.dataRoot, path));
    for (const folder of snapshots) await writeFile(join(folder, 'f'.repeat(64)), 'not counted');
    const differs = await ok(people.admin.neo(['admin', 'fsck', '--json']));
    expect(differs.of('recount').length).toBe(snapshots.length);
    const found = differs.of('recount').find(({ owner }) => owner === 'mia') as Record<string, number> | undefined;
    expect(found).toMatchObject({ target: 'counted' });
    expect(Number(found?.['bytes']) - Number(found?.['wasBytes'])).toBe('not counted'.length);
    expect((await ok(people.admin.neo(['admin', 'fsck']))).stdout).toMatch(
      /^counted \d+ targets: all as they were counted\n$/,
    );
  });

  it('reads what was done, without secrets, and ends the server', async () => {
    const actions = await people.actions();
    for (const action of ['enrol', 'user-add', 'user-set', 'user-invite', 'sub-add', 'sub-set', 'grant', 'fsck']) {
      expect(actions).toContain(action);
    }
    for (const action of ['token-create', 'token-revoke', 'device-revoke', 'target-remove', 'user-remove']) {
      expect(actions).toContain(action);
    }
    const { stdout } = await ok(people.admin.neo(['admin', 'log']));
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}admin@\S+ {2}user-add {2}name=ann /m);
    const following = people.admin.sh('timeout -s INT 3 "$NODE" "$NEO" admin log --follow --json', {
      NODE: process.execPath,
      NEO: launcher,
    });
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    await ok(people.admin.neo(['target', 'create', 'while-it-follows']));
    const followed = await following;
    expect(followed.of('entry').at(-1)).toMatchObject({
      action: 'target-create',
      detail: { name: 'while-it-follows' },
    });
    expect(followed.of('summary')).toHaveLength(1);

    await ok(people.admin.neo(['admin', 'shutdown']));
    expect(await people.server.ended).toBe(0);
    expect((await people.admin.neo(['account', 'show'])).code).toBe(16);
  });
});
