/** The ledger of a server, as people read and verify it. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forgetLastEntry } from '../support/forget-entry.ts';
import { startNeoServe } from '../support/neo-serve.ts';
import { ok, People, summaryOf } from './people.ts';
import type { CliRun, User } from './user.ts';

const CHANGED = 15;

let people: People;
let ann: User;
let bob: User;
beforeAll(async () => {
  people = await People.start();
  ann = await people.make('ann');
  bob = await people.make('bob');
  await people.withSnapshot(ann, 'documents');
  await ok(ann.neo(['account', 'grant', 'add', 'documents', '--to', 'bob', '--role', 'read']));
});
afterAll(() => people.server.stop());

const kindsOf = (done: CliRun) => done.of('entry').map(({ kind }) => kind);
const actionsOf = (done: CliRun) =>
  done.of('entry').map(({ content }) => (content as { action?: string; path?: string }).action);

describe('neo ledger', () => {
  it('shows an administrator all that was done, and everybody else what concerns him', async () => {
    const all = await ok(people.admin.neo(['ledger', 'show', '--json']));
    expect(kindsOf(all)).toEqual(['begin', ...Array(6).fill('change'), 'snapshot', 'change']);
    expect(actionsOf(all)).toEqual([
      ...[undefined, 'enrol', 'user-add', 'enrol', 'user-add', 'enrol', 'target-create', undefined, 'grant'],
    ]);
    const hers = await ok(ann.neo(['ledger', 'show', '--json']));
    expect(hers.of('entry').map(({ seq }) => seq)).toEqual([3, 4, 7, 8, 9]);
    const his = await ok(bob.neo(['ledger', 'show', '--json']));
    expect(his.of('entry').map(({ seq }) => seq)).toEqual([5, 6, 9]);
    const { stdout } = await ok(ann.neo(['ledger', 'show', '--after', '6']));
    expect(stdout).toMatch(
      /^7 {2}.* {2}ann@\S+ {2}target-create {2}name=documents\n8 {2}.* {2}ann@\S+ {2}snapshot {2}ann\/documents [0-9a-f]{8}\n9 {2}.* {2}grant .*\n$/,
    );
  });

  it('verifies it, and that it continues what was known', async () => {
    const first = summaryOf(await ok(people.admin.neo(['ledger', 'verify', '--json'])));
    // It was looked at before.
    expect(first).toMatchObject({
      size: 9,
      entries: 9,
      isWhole: true,
      knownBefore: 9,
      root: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    await ok(ann.neo(['forget', 'latest', '--repo', people.at('documents')]));
    await ok(ann.neo(['trash', '--empty', '--yes', '--repo', people.at('documents')]));
    await ok(ann.neo(['prune', '--sole-writer', '--grace', '0', '--repo', people.at('documents')]));
    const { stdout } = await ok(people.admin.neo(['ledger', 'verify']));
    expect(stdout).toMatch(/^\d\d entries, all as they were written; it continues the 9 entries that were known\n$/);
    const shown = await ok(ann.neo(['ledger', 'show', '--after', '9']));
    expect(shown.stdout).toMatch(/ {2}removal {2}ann\/documents \d+ objects?, /);
    const hers = summaryOf(await ok(ann.neo(['ledger', 'verify', '--json'])));
    expect(hers).toMatchObject({ isWhole: false, entries: shown.stdout.split('\n').length - 1 + 5 });
    expect((await ok(ann.neo(['ledger', 'verify']))).stdout).toContain('concern you');
  });

  it('writes it to a file that is verified without the server', async () => {
    for (const user of [people.admin, ann]) {
      await ok(user.neo(['ledger', 'export', '--out', 'ledger.jsonl']));
      expect((await user.neo(['ledger', 'export', '--out', 'ledger.jsonl'])).code).toBe(1);
      await ok(user.neo(['ledger', 'verify', '--file', 'ledger.jsonl']));
      // Anybody can, without an account.
      const elsewhere = { HOME: await user.folder('elsewhere') };
      await ok(user.neo(['ledger', 'verify', '--file', 'ledger.jsonl'], elsewhere));
      const text = await readFile(user.at('ledger.jsonl'), 'utf8');
      const lines = text.trimEnd().split('\n');
      expect(lines.length).toBeGreaterThan(6);
      await writeFile(user.at('changed.jsonl'), text.replace('documents', 'dokuments'));
      const changed = await user.neo(['ledger', 'verify', '--file', 'changed.jsonl'], elsewhere);
      expect([changed.code, changed.stderr]).toEqual([
        CHANGED,
        expect.stringMatching(/entry \d+ of the ledger has another content/),
      ]);
      for (const [name, bad] of [
        ['rubbish', 'rubbish\n'],
        ['empty', ''],
        ['half', text.slice(0, 2000)],
        ['no head', lines.slice(1).join('\n')],
      ] as const) {
        await writeFile(user.at('bad.jsonl'), bad);
        const run = await user.neo(['ledger', 'verify', '--file', 'bad.jsonl'], elsewhere);
        expect([name, run.code, run.stderr.split('\n').length]).toEqual([name, CHANGED, expect.any(Number)]);
      }
    }
    const missing = await ann.neo(['ledger', 'verify', '--file', 'nowhere']);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('cannot read nowhere')]);
  });
});

it('a server that was put back is found out by all who knew more, until they accept it', async () => {
  const root = await people.admin.folder('root');
  const dataRoot = join(root, 'data');
  await using server = await startNeoServe(['--data-root', dataRoot]);
  const env = { HOME: root };
  const admin = (...args: string[]) => people.admin.neo(args, env);
  await ok(admin('login', server.url, '--code', String(server.adminCode), '--fingerprint', server.fingerprint));
  await ok(people.admin.neo(['serve', 'backup', join(root, 'copy'), '--data-root', dataRoot], env));
  await ok(admin('target', 'create', 'one'));
  await ok(admin('ledger', 'verify'));
  await server.stop();
  const bring = ['serve', 'restore', join(root, 'copy'), '--data-root', dataRoot, '--force'];
  await ok(people.admin.neo(bring, env));
  const args = [
    '--data-root',
    server.dataRoot,
    '--listen',
    `127.0.0.1:${new URL(server.url.replace('neo:', 'http:')).port}`,
  ];
  await using again = await startNeoServe(args);
  const found = await admin('ledger', 'verify');
  expect([found.code, found.stderr]).toEqual([CHANGED, expect.stringContaining('entry 3 of the ledger is gone')]);
  expect((await admin('ledger', 'show')).code).toBe(CHANGED);
  await ok(admin('ledger', 'verify', '--accept'));
  await ok(admin('ledger', 'verify'));
  await again.stop();

  // Whoever has the disk of the server changes a word.
  const database = new DatabaseSync(join(dataRoot, 'server.db'));
  database.exec(`update ledger set content = replace(content, 'enrol', 'login') where seq = 2`);
  database.close();
  await using third = await startNeoServe(args);
  const changed = await admin('ledger', 'verify');
  expect([changed.code, changed.stderr]).toEqual([
    CHANGED,
    expect.stringContaining('entry 2 of the ledger has another content'),
  ]);
  await third.stop();

  await cp(join(dataRoot, 'ledger.key'), join(root, 'kept.key'));
  await rm(join(dataRoot, 'ledger.key'));
  const refused = await people.admin.neo(['serve', ...args], env);
  expect([refused.code, refused.stderr]).toEqual([CHANGED, expect.stringContaining('ledger.key is gone')]);
});

describe('neo record', () => {
  it('writes down what its account finds again, verified, and nobody else', async () => {
    const put = summaryOf(await ok(ann.sh('printf "of ann" | neo record put notes --json')));
    expect(put).toMatchObject({ kind: 'notes', bytes: 6, seq: expect.any(Number) });
    await writeFile(ann.at('binary'), Buffer.from([0, 255, 10, 0]));
    await ok(ann.neo(['record', 'put', 'others', '--file', 'binary']));
    await ok(bob.sh('printf "of bob" | neo record put notes'));
    expect((await ok(ann.neo(['record', 'list']))).stdout).toMatch(
      /^Record +Time +Kind +By +Size\n *\d+ .* notes +ann@\S+ +6 B\n *\d+ .* others +ann@\S+ +4 B\n$/,
    );
    expect((await ok(ann.neo(['record', 'list', 'others', '--json']))).of('record')).toHaveLength(1);
    expect((await ok(ann.neo(['record', 'count']))).stdout).toBe('2\n');
    expect((await ok(ann.neo(['record', 'count', 'notes', '--json']))).of('summary')).toMatchObject([
      { records: 1, bytes: 6 },
    ]);
    expect((await ok(ann.neo(['record', 'get', String(put['seq'])]))).stdout).toBe('of ann');
    expect((await ok(ann.sh('printf "of ann" | neo record has notes'))).stdout).toMatch(
      /^record \d+, of 20.*, by ann@/,
    );
    await ok(ann.neo(['record', 'has', 'others', '--file', 'binary']));
    expect((await ann.neo(['record', 'has', 'notes', '--file', 'binary'])).code).toBe(1);
    for (const user of [bob, people.admin])
      expect((await user.neo(['record', 'get', String(put['seq'])])).code).toBe(1);
    expect((await ok(people.admin.neo(['record', 'count']))).stdout).toBe('0\n');
    await ok(people.admin.neo(['ledger', 'verify']));
    expect(kindsOf(await ok(people.admin.neo(['ledger', 'show', '--kind', 'record', '--json'])))).toEqual(
      Array(3).fill('record'),
    );
  });

  it('refuses what is too large, what is no kind, and a file that is not there', async () => {
    await writeFile(ann.at('large'), Buffer.alloc((32 << 10) + 1));
    await writeFile(ann.at('largest'), Buffer.alloc(32 << 10, 7));
    for (const [code, message, args] of [
      [2, 'at most 32768 bytes', ['put', 'notes', '--file', 'large']],
      [2, 'kind', ['put', '../notes', '--file', 'binary']],
      [1, 'cannot read nowhere', ['put', 'notes', '--file', 'nowhere']],
      [1, 'there is no record 1', ['get', '1']],
    ] as const) {
      const run = await ann.neo(['record', ...args]);
      expect([args, run.code, run.stderr]).toEqual([args, code, expect.stringContaining(message)]);
    }
    await ok(ann.neo(['record', 'put', 'notes', '--file', 'largest']));
    await ok(ann.neo(['record', 'has', 'notes', '--file', 'largest']));
  });
});

describe('neo snapshot', () => {
  it('finds that the server has forgotten what it wrote down, and saves all the same', async () => {
    const other = await People.start();
    try {
      const carl = await other.make('carl');
      await other.withSnapshot(carl, 'documents');
      const repo = other.at('documents');
      const shown = await carl.neo(['snapshot', 'work', '--repo', repo, '--debug-protocol']);
      expect(shown.code).toBe(0);
      // The next entry takes the place of one that is known.
      forgetLastEntry(other.server.dataRoot);
      const after = await carl.neo(['snapshot', 'work', '--label', 'one more', '--repo', repo]);
      expect([after.code, after.stderr]).toEqual([CHANGED, expect.stringContaining('are not what they were')]);
      expect((await ok(carl.neo(['snapshots', '--json', '--repo', repo]))).of('snapshot')).toHaveLength(3);
    } finally {
      await other.server.stop();
    }
  });
});
