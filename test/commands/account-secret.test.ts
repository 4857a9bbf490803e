/** The secret of an account, and its second factor. */
import { HOTP, Secret } from 'otpauth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ok, onTerminal, PASSWORD, People, summaryOf } from './people.ts';
import { User } from './user.ts';

const DENIED = 13;

let people: People;
beforeAll(async () => {
  people = await People.start();
});
afterAll(() => people.server.stop());

describe('a secret', () => {
  const login = (account: string): string[] => [
    ...['login', people.server.url, '--account', account, '--fingerprint', people.server.fingerprint],
  ];

  it('lets in from an empty home, and is changed by who knows it', async () => {
    const grace = await people.make('grace');
    const [one, two] = [people.secret('one secret of grace'), people.secret('two secrets of grace')];
    const set = await ok(grace.neo(['account', 'secret', '--json'], { NEO_ACCOUNT_SECRET: one }));
    expect(summaryOf(set)).toMatchObject({ account: 'grace', changed: false });
    const fresh = await User.make(PASSWORD);
    await ok(fresh.neo(login('grace'), { NEO_ACCOUNT_SECRET: one }));
    await ok(fresh.neo(['account', 'show']));

    // The new one alone changes nothing: there is one that holds.
    expect((await grace.neo(['account', 'secret'], { NEO_ACCOUNT_SECRET: one })).code).toBe(12);
    expect((await grace.neo(['account', 'secret'], { NEO_ACCOUNT_NEW_SECRET: two })).code).toBe(12);
    const wrong = { NEO_ACCOUNT_SECRET: 'wrong', NEO_ACCOUNT_NEW_SECRET: two };
    expect((await grace.neo(['account', 'secret'], wrong)).code).toBe(DENIED);
    const right = { NEO_ACCOUNT_SECRET: one, NEO_ACCOUNT_NEW_SECRET: two };
    expect(summaryOf(await ok(grace.neo(['account', 'secret', '--json'], right)))).toMatchObject({ changed: true });
    expect((await fresh.neo(login('grace'), { NEO_ACCOUNT_SECRET: one })).code).toBe(DENIED);
    await ok(fresh.neo(login('grace'), { NEO_ACCOUNT_SECRET: two }));
  });

  it('that is wrong does not tell whether there is such an account', async () => {
    const stranger = await User.make();
    const wrong = await stranger.neo(login('grace'), { NEO_ACCOUNT_SECRET: 'wrong' });
    const unknown = await stranger.neo(login('nobody'), { NEO_ACCOUNT_SECRET: 'wrong' });
    const without = await stranger.neo(login('admin'), { NEO_ACCOUNT_SECRET: 'wrong' });
    expect(wrong.code).toBe(DENIED);
    expect([unknown.code, unknown.stderr]).toEqual([wrong.code, wrong.stderr]);
    expect([without.code, without.stderr]).toEqual([wrong.code, wrong.stderr]);
  });

  it('is asked for twice at a terminal', async () => {
    const heidi = await people.make('heidi');
    const typed = 'typed by heidi';
    people.secret(typed);
    const differ = await onTerminal(
      heidi,
      ['account', 'secret'],
      [
        ['New secret', `${typed}\r`],
        ['Again', 'other\r'],
      ],
    );
    expect(differ.code).toBe(12);
    const { code, screen } = await onTerminal(
      heidi,
      ['account', 'secret'],
      [
        ['New secret', `${typed}\r`],
        ['Again', `${typed}\r`],
      ],
    );
    expect([code, screen]).toEqual([0, expect.not.stringContaining(typed)]);
    const changed = await onTerminal(
      heidi,
      ['account', 'secret'],
      [
        ['New secret', 'next of heidi\r'],
        ['Again', 'next of heidi\r'],
        ['Secret that holds now', `${typed}\r`],
      ],
    );
    expect([changed.code, changed.screen]).toEqual([0, expect.stringContaining('is another one now')]);
  });
});

describe('a second factor', () => {
  const STEP_MS = 30_000;
  const codeOf = (base32: string, later: number): string =>
    HOTP.generate({ secret: Secret.fromBase32(base32), counter: Math.floor(Date.now() / STEP_MS) + later });

  it('is asked for at each login, and a recovery code stands in once', async () => {
    const ivan = await people.make('ivan');
    const env = { NEO_ACCOUNT_SECRET: people.secret('secret of ivan') };
    await ok(ivan.neo(['account', 'secret'], env));
    const begun = await ok(ivan.neo(['account', '2fa', 'enrol', '--json']));
    expect(summaryOf(begun)).toMatchObject({ confirmed: false });
    const [factor] = begun.of('factor');
    const base32 = people.secret(factor?.['secret']);
    expect(factor?.['uri']).toContain(`secret=${base32}`);
    expect((await ivan.neo(['account', '2fa', 'enrol', '--confirm', '000000'])).code).toBe(DENIED);
    const confirmed = await ok(ivan.neo(['account', '2fa', 'enrol', '--confirm', codeOf(base32, 0), '--json']));
    const recovery = (summaryOf(confirmed)['recovery'] as string[]).map((each) => people.secret(each));
    expect(new Set(recovery).size).toBe(10);
    expect((await ivan.neo(['account', '2fa', 'enrol'])).code).toBe(1);

    const login = ['login', people.server.url, '--account', 'ivan', '--fingerprint', people.server.fingerprint];
    const fresh = await User.make();
    const without = await fresh.neo(login, env);
    expect([without.code, without.stderr]).toEqual([DENIED, expect.stringContaining('--second')]);
    await ok(fresh.neo([...login, '--second', codeOf(base32, 1)], env));
    const [first = '', second = ''] = recovery;
    await ok(fresh.neo([...login, '--second', first], env));
    expect((await fresh.neo([...login, '--second', first], env)).code).toBe(DENIED);
    await ok(ivan.neo(['account', '2fa', 'remove', '--code', second, '-n']));
    await ok(ivan.neo(['account', '2fa', 'remove', '--code', second]));
    await ok(fresh.neo(login, env));
  });

  it('is enrolled at a terminal, with a code that an app can read', async () => {
    const judy = await people.make('judy');
    const { code, screen } = await onTerminal(
      judy,
      ['account', '2fa', 'enrol'],
      [['Code that the app shows: ', '1\r']],
    );
    expect([code, screen]).toEqual([DENIED, expect.stringMatching(/[█▀▄ ]{30}[\s\S]*secret {2}[A-Z2-7]{32}/)]);
    people.secret(/secret {2}([A-Z2-7]{32})/.exec(screen)?.[1]);
  });
});

describe('the log', () => {
  it('has all of that, without secrets', async () => {
    const actions = await people.actions();
    for (const action of ['login', 'secret-set', 'second-start', 'second-confirm', 'second-remove']) {
      expect(actions).toContain(action);
    }
  });
});
