/** The proof of docs/format.md: what neo stored, the Python decoder restores, and rsync finds no difference. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { neo as runNeo } from '../house/run.ts';
import { decoderFolder, decoderIsReady, PYTHON } from './python.ts';
import { createStore } from './store.ts';

const run = promisify(execFile);
const makeTree = fileURLToPath(new URL('make_tree.py', import.meta.url));
/** Typed in composed and decomposed form: the same password. */
const PASSWORD = 'pa\u0308ssw\u00f6rd';
const FILE_PASSWORD = 'of the key file';
const SAME_PASSWORD = 'p\u00e4sswo\u0308rd';

/** Nothing of the surroundings reaches the decoder but what a test gives. */
function environment(secrets: Record<string, string>): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('NEO_'));
  return { ...Object.fromEntries(kept), ...secrets };
}

function decode(args: readonly string[], secrets: Record<string, string> = { NEO_PASSWORD: SAME_PASSWORD }, cwd = '/') {
  return run(PYTHON, ['-B', `${decoderFolder}neo_decoder.py`, ...args], { env: environment(secrets), cwd });
}

/** What rsync would change to make `restored` the source again. */
async function differences(source: string, restored: string): Promise<string> {
  const flags = ['-aHAXn', '--checksum', '--itemize-changes', '--delete'];
  return (await run('rsync', [...flags, `${source}/`, `${restored}/`])).stdout;
}

describe.skipIf(!decoderIsReady())('a repository that neo wrote, read by the decoder', () => {
  let folder = '';
  let source = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'neo-decoder-'));
    source = join(folder, 'source');
    await run(PYTHON, [makeTree, source]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function restore(repo: string, to: string, flags: readonly string[] = [], secrets?: Record<string, string>) {
    const restored = join(folder, to);
    // By relative paths, for restoring changes the working directory.
    await decode([...flags, '--devices', relative(folder, repo), 'restore', `latest:${source}`, to], secrets, folder);
    return restored;
  }

  describe('by neo init and neo snapshot', () => {
    let repo = '';
    const neo = async (...args: readonly string[]) => {
      const env = { NEO_REPO: repo, NEO_PASSWORD: PASSWORD, NEO_NEW_PASSWORD: FILE_PASSWORD };
      const { code, stderr } = await runNeo(args, env);
      if (code !== 0) throw new Error(`neo ${args[0]}: exit code ${code}: ${stderr}`);
    };
    beforeAll(async () => {
      repo = join(folder, 'by-neo');
      await neo('init');
      await neo('snapshot', '--host', 'here', source);
    });

    test('gives all kinds of nodes, and rsync would see a difference', async () => {
      const restored = await restore(repo, 'by-index');
      expect(await differences(source, restored)).toBe('');
      await writeFile(join(restored, 'text'), 'other bytes');
      expect(await differences(source, restored)).toContain(' text\n');
    });

    test("gives them by the packs' own directories too", async () => {
      expect(await differences(source, await restore(repo, 'by-packs', ['--from-packs']))).toBe('');
    });

    test('lists and restores a second snapshot, which shares what did not change', async () => {
      const { stdout: before } = await decode([repo, 'list']);
      expect(before).toMatch(/^[0-9a-f]{64} \S+ here snapshot \S+\n$/);
      await writeFile(join(source, 'small', 'new'), 'not there before');
      await neo('snapshot', '--host', 'here', source);
      const { stdout: after } = await decode([repo, 'list']);
      expect(after.startsWith(before)).toBe(true);
      expect(after.trimEnd().split('\n')).toHaveLength(2);
      const { stdout: tree } = await decode([repo, 'ls', before.slice(0, 12)]);
      expect(tree).toMatch(/^f 0644 \d+ \d+ 9 \S+ \S+\/latin-\\xe9\\xff$/m);
      expect(tree).not.toContain('small/new');
      expect(await differences(source, await restore(repo, 'second'))).toBe('');
    });

    test('opens with key files and with a printed recovery key', async () => {
      const file = (name: string) => join(folder, name);
      await neo('key', 'add', '--out', file('open.key'));
      await neo('key', 'add', '--out', file('protected.key'), '--protect');
      await neo('key', 'export', '--out', file('exported.key'));
      await neo('key', 'export', '--paper', '--out', file('paper.txt'));
      const list = (name: string, secrets = {}) => decode(['--key-file', file(name), repo, 'list'], secrets);
      const { stdout: expected } = await decode([repo, 'list']);
      expect((await list('open.key')).stdout).toBe(expected);
      expect((await list('exported.key')).stdout).toBe(expected);
      expect((await list('protected.key', { NEO_PASSWORD: FILE_PASSWORD })).stdout).toBe(expected);
      const paper = await readFile(file('paper.txt'), 'utf8');
      expect((await decode([repo, 'list'], { NEO_RECOVERY_KEY: paper })).stdout).toBe(expected);
      await expect(list('protected.key', { NEO_PASSWORD: 'wrong' })).rejects.toMatchObject({ code: 1, stdout: '' });
    });

    test('holds what a write-only key saved, which that key cannot read', async () => {
      const key = join(folder, 'write.key');
      await neo('key', 'add', '--role', 'write', '--out', key);
      const { code, stderr } = await runNeo(['snapshot', '--host', 'there', source], {
        NEO_REPO: repo,
        NEO_KEY_FILE: key,
      });
      expect(stderr).toBe('');
      expect(code).toBe(0);
      expect((await decode([repo, 'list'])).stdout).toMatch(/ there snapshot \S+\n$/);
      expect(await differences(source, await restore(repo, 'written'))).toBe('');
      await expect(decode(['--key-file', key, repo, 'ls'], {})).rejects.toMatchObject({
        stderr: expect.stringContaining('may write only'),
      });
    });

    test('holds blobs of several content epochs, and of the last alone when all are moved', async () => {
      await neo('key', 'rotate', '--content');
      await writeFile(join(source, 'after'), 'sealed under new secrets');
      await neo('snapshot', '--host', 'here', source);
      expect(await differences(source, await restore(repo, 'two-epochs'))).toBe('');
      await neo('rewrite', '--rekey', '--trash', '0');
      await neo('prune', '--max-unused', '0', '--sole-writer', '--grace', '0');
      expect(await differences(source, await restore(repo, 'moved'))).toBe('');
      expect(await differences(source, await restore(repo, 'moved-by-packs', ['--from-packs']))).toBe('');
    });

    test('does not open with a wrong password', async () => {
      const refusal = { code: 1, stdout: '', stderr: expect.stringContaining('wrong password or key') };
      await expect(decode([repo, 'list'], { NEO_PASSWORD: 'wrong' })).rejects.toMatchObject(refusal);
    });
  });

  test('of the portable engine, with scrypt and the other suite', async () => {
    const repo = join(folder, 'portable');
    await (await createStore(repo, PASSWORD, 'portable')).snapshot(source);
    expect(await differences(source, await restore(repo, 'by-portable'))).toBe('');
  });

  test('finds a flipped bit in any object, and restores nothing wrong', async () => {
    const repo = join(folder, 'damaged');
    await (await createStore(repo, PASSWORD, 'native')).snapshot(join(source, 'closed'));
    const objects = (await readdir(repo, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const kinds = new Set<string>();
    for (const [i, { parentPath, name }] of objects.entries()) {
      const path = join(parentPath, name);
      kinds.add(path.slice(repo.length + 1).split('/')[0] ?? '');
      const whole = await readFile(path);
      const damaged = Buffer.from(whole);
      damaged[40] = (damaged[40] ?? 0) ^ 1;
      await writeFile(path, damaged);
      const to = join(folder, `damaged-${i}`);
      await expect(decode([repo, 'restore', 'latest', to])).rejects.toMatchObject({ code: expect.toBeOneOf([1, 3]) });
      await writeFile(path, whole);
    }
    expect([...kinds].sort()).toEqual(expect.arrayContaining(['config', 'index', 'keys', 'packs', 'snapshots']));
  });
});
