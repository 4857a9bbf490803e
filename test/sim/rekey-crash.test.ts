/** A crash at every operation while all is moved to new content secrets. All of it: `npm run torture -- --only rekey-crash`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { pruneStart } from '../support/prune-script.ts';
import { rekeyScript, rekeyVerdict } from '../support/rekey-script.ts';
import { sweep } from '../support/sim.ts';
import { makeSources } from '../support/sim-sources.ts';
import { testEngine } from '../support/temp-repository.ts';

const base = mkdtempSync(join(tmpdir(), 'neo-rekey-'));
afterAll(() => rmSync(base, { recursive: true }));
const POINTS = Number(process.env['NEO_SWEEP_POINTS'] ?? 14);

it('a crash at any moment of a rotation, a move and a prune leaves the old or the new, and the same commands end it', async () => {
  const start = await pruneStart(testEngine, makeSources(base, 9));
  const options = { start: start.storage, points: POINTS };
  const result = await sweep(rekeyScript(testEngine), rekeyVerdict(testEngine, start), options);
  console.log(`rekey: ${result.operations} operations, ${result.points} points, 0 violations`);
  expect(result.operations).toBeGreaterThan(6);
  expect(result.unreached).toBe(0);
});
