/**
 * What people store, and what they open it with, is nowhere at the server: not on its disk, not in its memory, not in what it says, and not on the
 * line. Tried with words that are in names, contents and secrets.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filesBelow, QUICK_KDF, User } from '../commands/user.ts';
import { type NeoServe, startNeoServe } from '../support/neo-serve.ts';
import { textsInMemory } from '../support/process-memory.ts';
import { type RecordingLine, startRecordingLine } from '../support/recording-line.ts';

const word = (what: string): string => `${what}-${randomBytes(8).toString('hex')}`;
const NAMES = Array.from({ length: 10 }, () => word('name'));
const CONTENTS = Array.from({ length: 10 }, () => word('content'));
const PASSWORD = word('password');
const SECRET = word('secret');
const MARKERS = [...NAMES, ...CONTENTS, PASSWORD, SECRET, word('never-used')];
/** Known to the server, so that it is seen that what is looked for would be found. */
const DEVICE = word('device');

let server: NeoServe;
let line: RecordingLine;
let user: User;
/** What the server is not to keep in clear: it sees them. */
let token: string;

async function ok(...args: readonly string[]) {
  const done = await user.neo(args, { NEO_ACCOUNT_SECRET: SECRET });
  expect([args.join(' '), done.code, done.stderr]).toEqual([args.join(' '), 0, expect.any(String)]);
  return done;
}

beforeAll(async () => {
  server = await startNeoServe();
  line = await startRecordingLine(server.port);
  user = await User.make({ NEO_PASSWORD: PASSWORD });
  const url = `neo://127.0.0.1:${line.port}`;
  const work = await user.folder('work');
  for (const [i, name] of NAMES.entries()) {
    await mkdir(join(work, `${name}-folder`));
    await writeFile(join(work, `${name}-folder`, name), `${CONTENTS[i]}\n`.repeat(i * 1000 + 1));
  }
  const { fingerprint, adminCode } = server;
  await ok('login', url, '--code', adminCode, '--fingerprint', fingerprint, '--device', DEVICE);
  await ok('account', 'secret');
  const created = await ok('account', 'token', 'create', 'script', '--json');
  token = String(created.objects()[0]?.['token']);
  const repo = ['--repo', `${url}/documents`];
  await ok('init', ...repo, ...QUICK_KDF);
  await ok('snapshot', ...repo, 'work');
  await ok('login', `neo://admin@127.0.0.1:${line.port}`, '--device', DEVICE);
  await ok('restore', ...repo, 'latest', '--to', 'back');
  await ok('check', ...repo, '--read-data');
}, 120_000);

afterAll(async () => {
  await line[Symbol.asyncDispose]();
  await server.stop();
});

function foundIn(bytes: Buffer, texts: readonly string[]): string[] {
  return texts.filter((text) => bytes.includes(text) || bytes.includes(Buffer.from(text, 'utf16le')));
}

async function onDisk(): Promise<Buffer> {
  const files = await filesBelow(server.dataRoot);
  return Buffer.concat([
    Buffer.from(files.join('\n')),
    ...(await Promise.all(files.map((name) => readFile(join(server.dataRoot, name))))),
  ]);
}

describe('of what was stored, and opens it, nothing is', () => {
  it("on the server's disk, in contents, names of files and the database", async () => {
    const disk = await onDisk();
    expect(foundIn(disk, [DEVICE])).toEqual([DEVICE]);
    expect(foundIn(disk, [...MARKERS, token, server.adminCode])).toEqual([]);
  });

  it.runIf(process.platform === 'linux')("in the server's memory", () => {
    expect(textsInMemory(server.pid, [DEVICE])).toEqual([DEVICE]);
    expect(textsInMemory(server.pid, MARKERS)).toEqual([]);
  });

  it('in what the server says', () => {
    expect(foundIn(Buffer.from(server.stderr()), [...MARKERS, token, server.adminCode])).toEqual([]);
  });

  it('on the line, and neither is what the server knows', () => {
    expect(line.recorded().length).toBeGreaterThan(10_000);
    expect(foundIn(line.recorded(), [...MARKERS, DEVICE, token, server.adminCode, 'admin', 'packs/'])).toEqual([]);
  });
});
