/** A server that is administered from another machine: settings, and what lets into accounts of others, as people type it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControlClient } from '../../src/backends/neo-control.ts';
import { startNeoServe } from '../support/neo-serve.ts';
import { dataRootWith, enrol, entries, until } from '../support/serve-admin.ts';
import { ok, PASSWORD, People, summaryOf } from './people.ts';
import { User } from './user.ts';

const DENIED = 13;

let people: People;
let ann: User;
beforeAll(async () => {
  people = await People.start();
  ann = await people.make('ann');
});
afterAll(() => people.server.stop());

const admin = (...args: string[]) => people.admin.neo(['admin', ...args]);
const config = (...args: string[]) => admin('config', ...args);

describe('neo admin config', () => {
  it('shows and changes settings of the server that runs', async () => {
    const { stdout } = await ok(config('list'));
    expect(stdout).toMatch(/^Setting +Value +From +Later$/m);
    expect(stdout).toMatch(/^log-level +info +default$/m);
    // As the tests start it.
    expect(stdout).toMatch(/^removals.after +0 +flag$/m);
    expect((await ok(config('get', 'removals.most'))).stdout).toBe('0.5\n');

    const requests = () => entries(people.server.stderr()).filter(({ event }) => event === 'request').length;
    expect(requests()).toBe(0);
    expect((await ok(config('set', 'log-level', 'debug'))).stdout).toBe('log-level is debug\n');
    await ok(config('get', 'log-level'));
    await until(() => requests() > 0);
    const set = summaryOf(await ok(config('get', 'log-level', '--json')));
    expect(set).toMatchObject({ name: 'log-level', value: 'debug', source: 'wire', next: null, since: null });
    expect(summaryOf(await ok(config('unset', 'log-level', '--json')))).toMatchObject({ value: 'info' });
    const before = requests();
    await ok(config('list'));
    expect(requests()).toBe(before);
    expect([...(await people.actions())]).toEqual(expect.arrayContaining(['config-set', 'config-unset']));
  });

  it('refuses what is wrong, what is decided elsewhere, and whoever is no administrator', async () => {
    for (const [args, message] of [
      [['set', 'removals.after', '48h'], 'by a flag of neo serve (0)'],
      [['unset', 'removals.after'], 'by a flag of neo serve (0)'],
      [['set', 'removals.most', '2'], 'removals.most is a part from 0 to 1, and not "2"'],
      [['set', 'second-factor', 'maybe'], 'optional or required'],
      [['set', 'listen', '127.0.0.1:1'], 'no setting "listen"'],
      [['get', 'listen'], 'no setting listen'],
    ] as const) {
      const { code, stderr } = await config(...args);
      expect([args, code, stderr]).toEqual([args, 2, expect.stringContaining(message)]);
    }
    for (const args of [['list'], ['get', 'log-level'], ['set', 'log-level', 'error'], ['unset', 'log-level']]) {
      expect((await ann.neo(['admin', 'config', ...args])).code).toBe(DENIED);
    }
    expect((await ok(config('list', '--json'))).of('setting').map(({ source }) => source)).not.toContain('wire');
  });

  it('says by a flag, by the file, or over the wire, also after a start', async () => {
    const dataRoot = await dataRootWith('log-level = "info"\nsecond-factor = "optional"\n[removals]\nmost = 0.25\n');
    const args = ['--data-root', dataRoot];
    await using first = await startNeoServe([...args, '--log-level', 'warning']);
    const { control, trust } = await enrol(first);
    await control.call('config-set', { name: 'metrics.snapshot-age', value: 'true' });
    const said = async (client: typeof control) =>
      (await client.call('config', {})).settings.map(({ name, value, source }) => `${name} ${value} ${source}`);
    const others = ['metrics.snapshot-age true wire', 'removals.after 0 flag', 'removals.most 0.25 file'];
    expect(await said(control)).toEqual(['second-factor optional file', 'log-level warning flag', ...others]);
    await control.close();
    await first.stop();
    expect(first.stderr()).toBe('');
    await using second = await startNeoServe(args);
    const again = new ControlClient({ host: '127.0.0.1', port: second.port }, trust);
    expect(await said(again)).toEqual(['second-factor optional file', 'log-level info file', ...others]);
    await again.close();
  });
});

describe('neo admin device', () => {
  it('lists and ends what lets into the account of somebody else', async () => {
    await people.withSnapshot(ann, 'photos');
    const phone = await User.make(PASSWORD);
    await people.follow(await ok(ann.neo(['account', 'device', 'invite', '--json'])), phone, '--device phone');
    const made = summaryOf(
      await ok(ann.neo(['account', 'token', 'create', 'nightly', '--target', 'photos', '--json'])),
    );
    people.secret(made['token']);
    const listed = await ok(admin('device', 'list', 'ann', '--json'));
    const [, device] = listed.of('device');
    expect(device).toMatchObject({ name: 'phone', revoked: null, isThis: false });
    expect(listed.of('token')).toMatchObject([{ name: 'nightly', target: 'photos', revoked: null }]);
    expect(summaryOf(listed)).toMatchObject({ account: 'ann', devices: 2, tokens: 1 });
    const shown = (await ok(admin('device', 'list', 'ann'))).stdout;
    expect(shown).toMatch(/^device +[0-9a-f]{8} +phone +admin /m);
    expect(shown).toMatch(/^token +[0-9a-f]{8} +nightly +append /m);

    const id = String(device?.['id']).slice(0, 8);
    expect((await ok(admin('device', 'revoke', 'ann', id, '-n'))).stdout).toBe(
      `would revoke device ${id} (phone) of ann\n`,
    );
    await ok(phone.neo(['snapshots', '--repo', people.at('photos')]));
    await ok(admin('device', 'revoke', 'ann', id));
    expect((await phone.neo(['snapshots', '--repo', people.at('photos')])).code).toBe(DENIED);
    const token = summaryOf(await ok(admin('device', 'revoke', 'ann', String(made['id']), '--json')));
    expect(token).toMatchObject({ account: 'ann', kind: 'token', id: made['id'], name: 'nightly' });
    expect((await admin('device', 'revoke', 'ann', id)).code).toBe(2);
    expect((await admin('device', 'list', 'nobody')).code).toBe(1);
    for (const args of [
      ['list', 'admin'],
      ['revoke', 'admin', id],
    ]) {
      expect((await ann.neo(['admin', 'device', ...args])).code).toBe(DENIED);
    }
  });

  it('does not end the last one of the last administrator, and neither does neo logout', async () => {
    const [{ id } = {}] = (await ok(admin('device', 'list', 'admin', '--json'))).of('device');
    const revoked = await admin('device', 'revoke', 'admin', String(id));
    expect([revoked.code, revoked.stderr]).toEqual([2, expect.stringContaining('nobody could administer the server')]);
    const loggedOut = await people.admin.neo(['logout', people.server.url]);
    expect([loggedOut.code, loggedOut.stderr]).toEqual([2, expect.stringContaining('neo account secret')]);
    await ok(admin('user', 'list'));
  });
});

describe('neo admin grant', () => {
  it('lists what an account was granted and has granted, and takes it back', async () => {
    const carol = await people.make('carol');
    await people.withSnapshot(carol, 'papers');
    await ok(carol.neo(['account', 'grant', 'add', 'papers', '--to', 'ann', '--role', 'read']));
    const grant = { owner: 'carol', target: 'papers', to: 'ann', share: null, role: 'read', expires: null };
    for (const name of ['carol', 'ann']) {
      expect((await ok(admin('grant', 'list', name, '--json'))).of('grant')).toMatchObject([grant]);
    }
    expect((await ok(admin('grant', 'list', 'ann'))).stdout).toMatch(/^carol\/papers +ann +read +never$/m);
    const remove = ['grant', 'remove', 'carol/papers', '--to', 'ann'];
    await ok(admin(...remove, '-n'));
    await ok(ann.neo(['snapshots', '--repo', people.at('carol/papers')]));
    const removed = await ok(admin(...remove));
    expect(removed.stdout).toBe('ann is let into carol/papers no more\n');
    expect((await ann.neo(['snapshots', '--repo', people.at('carol/papers')])).code).toBe(DENIED);
    expect((await admin(...remove)).code).toBe(1);
    expect((await admin(...remove, '-n')).code).toBe(1);
    expect((await admin('grant', 'remove', 'papers', '--to', 'ann')).code).toBe(2);
    for (const args of [['grant', 'list', 'carol'], remove]) {
      expect((await ann.neo(['admin', ...args])).code).toBe(DENIED);
    }
    expect([...(await people.actions())]).toEqual(
      expect.arrayContaining(['user-device-revoke', 'user-token-revoke', 'user-grant-remove']),
    );
  });
});
