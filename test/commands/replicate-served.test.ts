/** One repository at two servers: what goes over the lines to them follows how much is lacking. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { systemRandom } from '../../src/core/random.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { type Line, startLine } from '../support/line.ts';
import { type NeoServe, startNeoServe } from '../support/neo-serve.ts';
import { ok, PASSWORD, summaryOf } from './people.ts';
import { QUICK_KDF, User } from './user.ts';

const OBJECTS = 2000;
const LACKING = 7;
/** Of a path, its size and its time in a list. */
const LISTED = 95;

const engine = await loadEngine();
const servers: NeoServe[] = [];
const lines: Line[] = [];
let user: User;

/** Where the n-th server has the repository. */
const at = (n: number, target = 'docs') => `neo://127.0.0.1:${lines[n]?.port}/${target}`;
const replicate = (from: string, to: string, ...more: string[]) =>
  user.neo(['replicate', '--from', from, '--to', to, '--json', ...more], { NEO_PASSWORD: '' });

async function addObjects(count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const bytes = systemRandom.bytes(64);
    const name = toHex(engine.blake3(bytes));
    const path = user.at('own', `packs/${name.slice(0, 2)}/${name}`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
}

beforeAll(async () => {
  user = await User.make(PASSWORD);
  for (let n = 0; n < 2; n++) {
    const server = await startNeoServe();
    const line = await startLine(server.port);
    servers.push(server);
    lines.push(line);
    const login = ['login', `neo://127.0.0.1:${line.port}`, '--code', server.adminCode];
    await ok(user.neo([...login, '--fingerprint', server.fingerprint]));
  }
  await ok(user.sh('mkdir work; seq 50000 > work/a'));
  await ok(user.neo(['init', ...QUICK_KDF, '--repo', 'own']));
  await ok(user.neo(['snapshot', 'work', '--repo', 'own']));
});
afterAll(async () => {
  for (const line of lines) await line[Symbol.asyncDispose]();
  for (const server of servers) await server.stop();
});

describe('neo replicate at servers', () => {
  it('makes a target, and a repository that the same password opens', async () => {
    expect(summaryOf(await ok(replicate('own', at(0, 'made'), '-n')))).toMatchObject({ dryRun: true });
    expect((await user.neo(['snapshots', '--repo', at(0, 'made')])).code).toBe(10);
    await ok(replicate('own', at(0, 'made')));
    await ok(replicate(at(0, 'made'), at(1, 'made')));
    await ok(replicate(at(1, 'made'), 'back'));
    for (const place of [at(1, 'made'), 'back']) {
      await ok(user.neo(['check', '--read-data', '--repo', place]));
      expect(summaryOf(await ok(replicate('own', place)))).toMatchObject({ copied: 0 });
    }
  });

  it('refuses a target with another repository', async () => {
    await ok(user.neo(['init', ...QUICK_KDF, '--repo', at(1, 'other')]));
    const run = await replicate('own', at(1, 'other'));
    expect([run.code, run.stderr]).toEqual([1, expect.stringContaining('another repository is at')]);
  });

  it('asks two servers for what differs, and not for all', async () => {
    await addObjects(OBJECTS - LACKING);
    await ok(replicate('own', at(1)));
    await addObjects(LACKING);
    await ok(replicate('own', at(0)));
    const before = lines.map(({ bytes }) => bytes);
    const run = await ok(replicate(at(0), at(1)));
    expect(summaryOf(run)).toMatchObject({ copied: LACKING });
    const cost = lines.map(({ bytes }, n) => bytes - (before[n] ?? 0));
    for (const bytes of cost) expect(bytes).toBeLessThan((OBJECTS * LISTED) / 4);
    const again = lines.map(({ bytes }) => bytes);
    expect(summaryOf(await ok(replicate(at(0), at(1))))).toMatchObject({ copied: 0 });
    for (const [n, { bytes }] of lines.entries()) expect(bytes - (again[n] ?? 0)).toBeLessThan(12_000);
  });
});
