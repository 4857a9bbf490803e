/** docs/json.md says what every command prints: nothing is printed that it does not name. */
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { HOTP, Secret } from 'otpauth';
import { describe, expect, it } from 'vitest';
import { People } from '../commands/people.ts';
import { filesBelow, type JsonObject, User } from '../commands/user.ts';
import { root } from '../house/run.ts';
import { fencedBlocks, proseOf } from './examples.ts';

const page = await readFile(join(root, 'docs/json.md'), 'utf8');

/** Everything in backquotes in the first column of the tables below a heading. */
function membersBelow(heading: string): Set<string> {
  const section = new RegExp(`^### \`${heading}\`\n([\\s\\S]*?)(?=^##|(?![\\s\\S]))`, 'm').exec(proseOf(page))?.[1];
  if (section === undefined) throw new Error(`docs/json.md has no section ${heading}`);
  const columns = [...section.matchAll(/^\| ([^|]+) \|/gm)].map(([, column = '']) => column);
  return new Set(columns.flatMap(namesIn));
}

function namesIn(text: string): string[] {
  return [...text.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
}

/** Types that any command may print, with their members. */
const ANYWHERE = new Map<unknown, readonly string[]>([
  ['error', ['code', 'message', 'hint']],
  ...[...page.matchAll(/^\| `(progress|warning|note)` \| (.*) \|$/gm)].map(
    ([, type = '', members = '']) => [type, namesIn(members)] as const,
  ),
]);

/** Members of an object that the page does not name for its command. */
function unknownMembers(command: string, object: JsonObject): string[] {
  const known = ANYWHERE.get(object['type']) ?? [...membersBelow(`neo ${command}`)];
  return Object.keys(object).filter((name) => !['v', 'type', ...known].includes(name));
}

type Script = readonly (readonly [section: string, code: number, ...args: string[]])[];

/** Every command, as it goes well and as it goes wrong. The first word, or two, name its section. */
const SCRIPT: Script = [
  ['snapshots', 10, 'snapshots', '--repo', 'none'],
  ['init', 0, 'init', '--repo', 'elsewhere'],
  ['snapshot', 0, 'snapshot', 'work', '--label', 'one', '--tag', 'x', '--with-atime', '--exclude', '*.tmp'],
  ['snapshot', 3, 'snapshot', 'work', 'gone'],
  ['snapshot', 0, 'snapshot', 'work', '--dry-run'],
  ['snapshot', 0, 'snapshot', 'work', '--priority', '*'],
  ['snapshots', 0, 'snapshots'],
  ['ls', 0, 'ls', '-r', 'latest:/'],
  ['cat', 0, 'cat', 'latest~1:WORK/sparse'],
  ['cat', 1, 'cat', 'latest:/none'],
  ['cat', 0, 'cat', '--object', 'config/0'],
  ['list', 0, 'list', 'packs'],
  ['list', 0, 'list', 'index'],
  ['list', 0, 'list', 'blobs'],
  ['restore', 0, 'restore', 'latest', '--to', 'back'],
  ['restore', 0, 'restore', 'latest', '--to', 'other', '--dry-run'],
  ['ignore explain', 0, 'ignore', 'explain', 'work/a.tmp', 'nothing', '--exclude', '*.tmp'],
  ['check', 0, 'check', '--read-data'],
  ['check', 0, 'check', '--max-age', '30d', '--budget', '1M'],
  ['check', 2, 'check', '--budget', 'much'],
  ['key list', 0, 'key', 'list'],
  ['key', 0, 'key', 'add', '--out', 'a.key'],
  ['key', 0, 'key', 'export', '--paper'],
  ['key', 0, 'key', 'export', '--out', 'b.key'],
  ['repair index', 0, 'repair', 'index', '--dry-run'],
  ['copy', 0, 'copy', '--to', 'elsewhere', '-n'],
  ['copy', 0, 'copy', '--to', 'elsewhere'],
  ['sync-repos', 0, 'sync-repos', 'elsewhere', '-n'],
  ['replicate', 0, 'replicate', '--from', 'elsewhere', '--to', 'replica', '-n'],
  ['replicate', 0, 'replicate', '--from', 'elsewhere', '--to', 'replica'],
  ['replicate', 10, 'replicate', '--from', 'none', '--to', 'replica'],
  ['snapshot', 0, 'snapshot', 'work', '--to', '.local/share/neo/repository', '--to', 'elsewhere'],
  ['repair packs', 0, 'repair', 'packs', '--from-path', 'work'],
  ['repair snapshots', 0, 'repair', 'snapshots', '--dry-run'],
  ['forget', 0, 'forget', '--keep-last', '1', '--dry-run', '--yes'],
  ['forget', 0, 'forget', 'latest'],
  ['snapshots', 0, 'snapshots', '--trash'],
  ['trash', 0, 'trash'],
  ['undo', 0, 'undo'],
  ['undo', 1, 'undo'],
  ['pin', 0, 'pin', 'latest', '--for', '1y', '--reason', 'why'],
  ['pin', 0, 'pin'],
  ['snapshots', 0, 'snapshots'],
  ['pin', 0, 'pin', '--remove', 'latest'],
  ['policy', 0, 'policy', 'set', '--keep-last', '9', '--keep-within', '1y', '--path', 'work'],
  ['policy', 0, 'policy', 'set', '--versions', 'original,daily:7', '--keep-deleted', '90d', '--path', 'work'],
  ['policy', 0, 'policy', 'show'],
  ['repo', 0, 'repo', 'add', 'other', 'elsewhere'],
  ['repo', 1, 'repo', 'add', 'other', 'nowhere'],
  ['repo', 0, 'repo', 'list'],
  ['repo', 0, 'repo', 'remove', 'other'],
  ['repo', 1, 'repo', 'remove', 'other'],
  ['policy', 0, 'policy', 'remove', '--path', 'work'],
  ['key', 0, 'key', 'add', '--role', 'write', '--label', 'lost', '--out', 'lost.key'],
  ['key', 0, 'key', 'revoke', 'lost', '--dry-run'],
  ['key', 0, 'key', 'revoke', 'lost'],
  ['check', 0, 'check', '--read-data', '--confirm'],
  ['key rotate', 0, 'key', 'rotate', '--dry-run'],
  ['key rotate', 0, 'key', 'rotate'],
  ['versions', 0, 'versions', 'work/a'],
  ['versions', 1, 'versions', 'work/none'],
  ['find', 0, 'find', '--type', 'f', '*'],
  ['diff', 0, 'diff', 'latest~1', 'latest', '--metadata'],
  ['diff', 0, 'diff', 'latest', '--disk', '--text'],
  ['dump', 0, 'dump', 'latest', '--output', 'all.tar'],
  ['dump', 0, 'dump', 'latest', '--zip', '--output', 'all.zip'],
  ['dump', 2, 'dump', 'latest'],
  ['verify-source', 0, 'verify-source', 'work'],
  ['undelete', 1, 'undelete', 'work/a'],
  ['undelete', 0, 'undelete', 'work/a', '--to', 'undeleted', '--dry-run'],
  ['restore', 0, 'restore', 'work/a', '--version', '1', '--to', 'first'],
  ['key identity', 0, 'key', 'identity', 'bob'],
  ['share', 0, 'share', 'create', 'latest:WORK', '--to', 'bob.pub', '--out', 'a.share'],
  ['share', 0, 'share', 'create', 'latest:WORK', '--follow', '--out', 'b.share'],
  ['share', 0, 'share', 'list'],
  ['share', 0, 'share', 'refresh'],
  ['share', 1, 'share', 'remove', '0000'],
  ['stash', 0, 'stash', 'push', 'work/a', '-m', 'why'],
  ['stash', 0, 'stash', 'list'],
  ['stash', 0, 'stash', 'show'],
  ['stash', 0, 'stash', 'apply', '--dry-run'],
  ['stash', 0, 'stash', 'pop'],
  ['stash', 1, 'stash', 'drop', '0'],
  ['tag', 0, 'tag', 'latest', '--add', 'z'],
  ['import', 0, 'import', 'all.tar', '--as', '/old', '--tag', 'old'],
  ['import', 1, 'import', 'a.key'],
  ['merge', 0, 'merge', 'latest', 'latest~1', '--dry-run'],
  ['rewrite', 0, 'rewrite', 'latest', '--exclude', 'link'],
  ['key rotate', 0, 'key', 'rotate', '--content'],
  ['repair config', 0, 'repair', 'config'],
  ['rewrite', 0, 'rewrite', '--rekey', '--dry-run'],
  ['rewrite', 0, 'rewrite', '--rekey'],
  ['snapshots', 0, 'snapshots'],
  ['trash', 0, 'trash', '--empty', '--dry-run'],
  ['trash', 0, 'trash', '--empty'],
  ['prune', 0, 'prune', '--dry-run'],
  ['prune', 0, 'prune', '--sole-writer', '--grace', '0'],
  ['prune', 2, 'prune', '--grace', '1m'],
  ['prune', 0, 'repack', '--compression', 'max', '--dry-run'],
  ['version', 0, 'version'],
];

/** What is asked of a server. Words in capitals are members that were printed last. */
const SERVED: Script = [
  ['target create', 0, 'target', 'create', 'documents'],
  ['target create', 1, 'target', 'create', 'documents'],
  ['target allow-loss', 0, 'target', 'allow-loss', 'documents', '--for', '1h'],
  ['target list', 0, 'target', 'list'],
  ['account show', 0, 'account', 'show'],
  ['account usage', 0, 'account', 'usage'],
  ['account secret', 0, 'account', 'secret'],
  ['account secret', 12, 'account', 'secret'],
  ['account device list', 0, 'account', 'device', 'list'],
  ['account device invite', 0, 'account', 'device', 'invite'],
  ['login', 0, 'login', 'SERVER', '--code', 'CODE'],
  ['account device revoke', 0, 'account', 'device', 'revoke', 'DEVICE', '--dry-run'],
  ['account token create', 0, 'account', 'token', 'create', 'nightly', '--target', 'documents'],
  ['account token list', 0, 'account', 'token', 'list'],
  ['account token revoke', 0, 'account', 'token', 'revoke', 'ID', '-n'],
  ['account token revoke', 0, 'account', 'token', 'revoke', 'ID'],
  ['account sub add', 0, 'account', 'sub', 'add', 'laptop', '--target', 'documents', '--role', 'append'],
  ['account sub set', 0, 'account', 'sub', 'set', 'laptop', '--expires', '2099-01-01'],
  ['account sub invite', 0, 'account', 'sub', 'invite', 'laptop'],
  ['account sub list', 0, 'account', 'sub', 'list'],
  ['account grant add', 0, 'account', 'grant', 'add', 'documents', '--to', 'laptop', '--role', 'read'],
  ['account grant list', 0, 'account', 'grant', 'list'],
  ['account grant remove', 0, 'account', 'grant', 'remove', 'documents', '--to', 'laptop', '-n'],
  ['account grant remove', 0, 'account', 'grant', 'remove', 'documents', '--to', 'laptop'],
  ['account sub remove', 0, 'account', 'sub', 'remove', 'laptop', '-n'],
  ['account sub remove', 0, 'account', 'sub', 'remove', 'laptop'],
  ['account 2fa', 0, 'account', '2fa', 'enrol'],
  ['account 2fa', 0, 'account', '2fa', 'enrol', '--confirm', 'TOTP'],
  ['account 2fa', 0, 'account', '2fa', 'remove', '--code', 'RECOVERY', '-n'],
  ['account 2fa', 0, 'account', '2fa', 'remove', '--code', 'RECOVERY'],
  ['admin user add', 0, 'admin', 'user', 'add', 'ann', '--quota', '1G'],
  ['admin user invite', 0, 'admin', 'user', 'invite', 'ann'],
  ['admin user set', 0, 'admin', 'user', 'set', 'ann', '--disable'],
  ['admin user list', 0, 'admin', 'user', 'list'],
  ['admin device list', 0, 'admin', 'device', 'list', 'admin'],
  ['admin device list', 1, 'admin', 'device', 'list', 'nobody'],
  ['account device invite', 0, 'account', 'device', 'invite'],
  ['admin device revoke', 0, 'admin', 'device', 'revoke', 'admin', 'DEVICE', '-n'],
  ['account grant add', 0, 'account', 'grant', 'add', 'documents', '--to', 'ann', '--role', 'read'],
  ['admin grant list', 0, 'admin', 'grant', 'list', 'ann'],
  ['admin grant remove', 0, 'admin', 'grant', 'remove', 'admin/documents', '--to', 'ann', '-n'],
  ['admin grant remove', 0, 'admin', 'grant', 'remove', 'admin/documents', '--to', 'ann'],
  ['admin grant remove', 2, 'admin', 'grant', 'remove', 'documents', '--to', 'ann'],
  ['admin config list', 0, 'admin', 'config', 'list'],
  ['admin config', 0, 'admin', 'config', 'get', 'log-level'],
  ['admin config', 0, 'admin', 'config', 'set', 'log-level', 'debug'],
  ['admin config', 2, 'admin', 'config', 'set', 'log-level', 'loud'],
  ['admin config', 0, 'admin', 'config', 'unset', 'log-level'],
  ['admin user remove', 2, 'admin', 'user', 'remove', 'ann'],
  ['admin user remove', 0, 'admin', 'user', 'remove', 'ann', '-n'],
  ['admin user remove', 0, 'admin', 'user', 'remove', 'ann', '--yes'],
  ['admin replica list', 0, 'admin', 'replica', 'list'],
  ['admin replica invite', 0, 'admin', 'replica', 'invite', 'berlin', '--all-accounts'],
  ['admin replica add', 2, 'admin', 'replica', 'add', 'munich', 'nowhere', '--code', 'x', '--fingerprint', 'SHA256:x'],
  ['admin replica remove', 1, 'admin', 'replica', 'remove', 'munich', '-n'],
  ['admin replica compare', 1, 'admin', 'replica', 'compare', 'munich'],
  ['admin key add', 0, 'admin', 'key', 'add'],
  ['admin key use', 0, 'admin', 'key', 'use', 'FINGERPRINT'],
  ['admin key rotate', 0, 'admin', 'key', 'rotate'],
  ['admin key list', 0, 'admin', 'key', 'list'],
  ['admin key retire', 0, 'admin', 'key', 'retire', 'FINGERPRINT', '-n'],
  ['admin key retire', 0, 'admin', 'key', 'retire', 'FINGERPRINT'],
  ['target remove', 0, 'target', 'remove', 'documents', '-n'],
  ['target remove', 0, 'target', 'remove', 'documents', '--yes'],
  ['admin fsck', 0, 'admin', 'fsck'],
  ['admin log', 0, 'admin', 'log'],
  ['ledger verify', 0, 'ledger', 'verify'],
  ['record put', 0, 'record', 'put', 'notes', '--file', '/etc/hostname'],
  ['record has', 0, 'record', 'has', 'notes', '--file', '/etc/hostname'],
  ['record has', 1, 'record', 'has', 'others', '--file', '/etc/hostname'],
  ['record list', 0, 'record', 'list'],
  ['record count', 0, 'record', 'count', 'notes'],
  ['record get', 1, 'record', 'get', '1'],
  ['ledger show', 0, 'ledger', 'show'],
  ['ledger export', 0, 'ledger', 'export', '--out', 'ledger.jsonl'],
  ['ledger export', 1, 'ledger', 'export', '--out', 'ledger.jsonl'],
  ['ledger verify', 0, 'ledger', 'verify', '--file', 'ledger.jsonl'],
  ['logout', 0, 'logout', 'SERVER'],
];

/** Puts in place of a word in capitals what was printed under that name, or the code that an app would show. */
function filled(word: string, seen: ReadonlyMap<string, unknown>): string {
  if (!/^[A-Z]+$/.test(word)) return word;
  const name = word.toLowerCase();
  if (name !== 'totp') return String([seen.get(name)].flat()[0]);
  return HOTP.generate({
    secret: Secret.fromBase32(String(seen.get('secret'))),
    counter: Math.floor(Date.now() / 30_000),
  });
}

describe('docs/json.md', () => {
  it('names all that commands print', async () => {
    const user = await User.make();
    await user.openWithKeyFile();
    await user.sh(
      'mkdir work; cd work; echo 1 > a; ln -s a link; truncate -s 1M sparse; echo 1 >> sparse; mkfifo fifo',
    );
    for (const [section, expected, ...args] of SCRIPT) {
      const words = args.map((word) => word.replace('WORK', user.at('work')));
      const { code, objects, stderr } = await user.neo([...words, '--json']);
      expect([args.join(' '), code, stderr]).toEqual([args.join(' '), expected, expect.any(String)]);
      expect(objects().length).toBeGreaterThan(0);
      for (const object of objects()) {
        expect(object['v']).toBe(1);
        expect(unknownMembers(section, object), `neo ${args.join(' ')}: ${JSON.stringify(object)}`).toEqual([]);
      }
    }
    const [pack = ''] = (await filesBelow(user.repository)).filter((name) => name.startsWith('packs/'));
    await rename(join(user.repository, pack), user.at('pack'));
    const { code, of } = await user.neo(['check', '--json']);
    expect([code, of('damage').length > 0, of('error').length]).toEqual([15, true, 1]);
    for (const damage of of('damage')) expect(unknownMembers('check', damage)).toEqual([]);
  });

  it('names all that commands print that ask a server', async () => {
    const { admin, server } = await People.start();
    try {
      expect(unknownMembers('serve', server.listening)).toEqual([]);
      const seen = new Map<string, unknown>();
      const run = async ([section, expected, ...args]: Script[number]): Promise<void> => {
        const words = args.map((word) => filled(word, seen));
        const env = { NEO_ACCOUNT_SECRET: 'secret', NEO_FINGERPRINT: server.fingerprint };
        const { code, objects, stderr } = await admin.neo([...words, '--json'], env);
        expect([args.join(' '), code, stderr]).toEqual([args.join(' '), expected, expect.any(String)]);
        expect(objects().length).toBeGreaterThan(0);
        for (const object of objects()) {
          expect(unknownMembers(section, object), `neo ${args.join(' ')}: ${JSON.stringify(object)}`).toEqual([]);
          for (const [name, value] of Object.entries(object)) seen.set(name, value);
        }
      };
      for (const step of SERVED) await run(step);
    } finally {
      await server.stop();
    }
  });

  it('has examples with the members that it names', () => {
    const sections = page.split(/^### `neo (.*)`$/m).slice(1);
    let examples = 0;
    for (let at = 0; at < sections.length; at += 2) {
      for (const { text } of fencedBlocks(sections[at + 1] ?? '')) {
        for (const line of text.split('\n')) {
          expect(unknownMembers(sections[at] ?? '', JSON.parse(line) as JsonObject)).toEqual([]);
          examples += 1;
        }
      }
    }
    expect(examples).toBeGreaterThan(5);
  });
});
