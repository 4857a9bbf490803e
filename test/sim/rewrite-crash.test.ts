/** A crash at every operation of a rewrite. Here a sample; all of it: `npm run torture -- --only rewrite-crash`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { pruneStart } from '../support/prune-script.ts';
import { rewriteScript, rewriteVerdict } from '../support/rewrite-script.ts';
import { sweep } from '../support/sim.ts';
import { makeSources } from '../support/sim-sources.ts';
import { testEngine } from '../support/temp-repository.ts';

const base = mkdtempSync(join(tmpdir(), 'neo-rewrite-'));
afterAll(() => rmSync(base, { recursive: true }));
const POINTS = Number(process.env['NEO_SWEEP_POINTS'] ?? 14);

it('a crash at any moment of a rewrite leaves the old or the new, and the same command ends it', async () => {
  const start = await pruneStart(testEngine, makeSources(base, 9));
  const options = { start: start.storage, points: POINTS };
  const result = await sweep(rewriteScript(testEngine), rewriteVerdict(testEngine, start), options);
  console.log(`rewrite: ${result.operations} operations, ${result.points} points, 0 violations`);
  expect(result.operations).toBeGreaterThan(6);
  expect(result.unreached).toBe(0);
});
