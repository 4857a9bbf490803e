/** What a server that was killed had stored, and not written down. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openNeo } from '../../src/backends/neo.ts';
import { forgetLastEntry } from '../support/forget-entry.ts';
import { type OwnServer, startOwnServer, TESTER } from '../support/own-server.ts';

let dataRoot: string;
let server: OwnServer;
beforeEach(async () => {
  dataRoot = mkdtempSync(join(tmpdir(), 'neo-catch-up-'));
  server = await startOwnServer(undefined, { dataRoot, keep: true });
});
afterEach(async () => {
  await server.stop();
  rmSync(dataRoot, { recursive: true });
});

/** Put into the ledger: paths of snapshots, and by whom. */
async function published(): Promise<unknown[]> {
  const rows = await server.database.db
    .selectFrom('ledger')
    .where('kind', '=', 'snapshot')
    .select('content')
    .orderBy('seq')
    .execute();
  return rows.map(({ content }) => {
    const { path, by } = JSON.parse(content) as { path: string; by: string };
    return [path, by];
  });
}

it('is written down at the next start, once', async () => {
  const trust = { fingerprint: server.fingerprint, token: server.token('admin') };
  const docs = openNeo({ host: '127.0.0.1', port: server.port, target: 'docs' }, { trust });
  for (const n of [1, 2]) await docs.put(`snapshots/${n}`, Buffer.from('snapshot'));
  await docs.close();
  expect(await published()).toEqual([
    ['snapshots/1', expect.stringContaining(TESTER)],
    ['snapshots/2', expect.stringContaining(TESTER)],
  ]);
  await server.stop();
  // As it lies when the server was killed between the two.
  forgetLastEntry(dataRoot);
  const file = new DatabaseSync(join(dataRoot, 'server.db'));
  file.exec('update targets set is_open = 1');
  file.close();
  for (let starts = 0; starts < 2; starts++) {
    server = await startOwnServer(undefined, { dataRoot, keep: true });
    await vi.waitFor(async () =>
      expect(await published()).toEqual([
        ['snapshots/1', expect.stringContaining(TESTER)],
        ['snapshots/2', ''],
      ]),
    );
    if (starts === 0) await server.stop();
  }
});
