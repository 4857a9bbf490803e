/** docs/protocol.md is what the server does: its tables name every verb, and a client written from it gets along. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from '../../src/core/schema.ts';
import { CONTROL, type ControlVerb } from '../../src/protocol/control.ts';
import { VERBS } from '../../src/protocol/verbs.ts';
import { LEAST_ROLE } from '../../src/server/rights.ts';
import { root } from '../house/run.ts';
import { startNeoServe } from '../support/neo-serve.ts';

const page = await readFile(join(root, 'docs/protocol.md'), 'utf8');

/** The cells of each row whose first one is a name in backquotes. */
const rows = new Map(
  [...page.matchAll(/^\| `([\w-]+)` \|(.*)\|$/gm)].map(([, name = '', rest = '']) => [
    name,
    rest.split('|').map((cell) => cell.trim()),
  ]),
);

it('every verb of objects stands there with its request and its role', () => {
  for (const [name, { method, route }] of Object.entries(VERBS)) {
    if (name === 'control') continue;
    const [request = '', role] = rows.get(name) ?? [];
    expect([name, request]).toEqual([name, expect.stringContaining(`\`${method} ${route}`)]);
    const least = name in LEAST_ROLE ? LEAST_ROLE[name as keyof typeof LEAST_ROLE] : '–';
    expect([name, role]).toEqual([name, least]);
  }
});

it('every control verb stands there with its standing and all that it takes', () => {
  for (const [name, { standing, request }] of Object.entries(CONTROL)) {
    const [said, members = ''] = rows.get(name) ?? [];
    expect([name, said]).toEqual([name, standing]);
    const { properties = {}, required = [] } = z.toJSONSchema(request);
    const taken = Object.keys(properties).map((member) => (required.includes(member) ? member : `${member}?`));
    expect([name, members.split(', ').filter((each) => each !== '')]).toEqual([
      name,
      taken.map((each) => `\`${each}\``),
    ]);
  }
  expect(Object.keys(CONTROL).filter((name) => !rows.has(name as ControlVerb))).toEqual([]);
});

it('the client in examples/ gets along with it', async () => {
  await using server = await startNeoServe();
  const { port, fingerprint, adminCode = '' } = server;
  const client = spawn(process.execPath, [
    join(root, 'examples/client.mjs'),
    `127.0.0.1:${port}`,
    fingerprint,
    adminCode,
  ]);
  let said = '';
  for (const stream of [client.stdout, client.stderr]) stream.on('data', (text) => (said += String(text)));
  const code = await new Promise((resolve) => client.once('close', resolve));
  expect([code, said.split('\n').slice(1)]).toEqual([
    0,
    [
      'logged in as admin',
      'put: 204',
      'get: 200, the same bytes',
      'range: 206, the same bytes',
      'list: notes/hello 100000',
      'remove: 204',
      'get: 404, absent',
      '',
    ],
  ]);
});
