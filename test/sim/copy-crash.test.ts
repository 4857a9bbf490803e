/** A crash at every operation of `neo copy`. Here a sample; all of it: `npm run torture -- --only copy-crash`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { copyScript, copyStart, copyVerdict } from '../support/copy-script.ts';
import { pruneStart } from '../support/prune-script.ts';
import { sweep } from '../support/sim.ts';
import { makeSources } from '../support/sim-sources.ts';
import { testEngine } from '../support/temp-repository.ts';

const base = mkdtempSync(join(tmpdir(), 'neo-copy-'));
afterAll(() => rmSync(base, { recursive: true }));
const POINTS = Number(process.env['NEO_SWEEP_POINTS'] ?? 9);

it.each(['same secrets', 'other secrets'] as const)('a crash at any moment of a copy (%s)', async (secrets) => {
  const source = await pruneStart(testEngine, makeSources(mkdtempSync(join(base, 'sources-')), 9));
  const start = await copyStart(testEngine, source, secrets);
  const options = { start: start.target, points: POINTS };
  const result = await sweep(copyScript(testEngine, start), copyVerdict(testEngine, start), options);
  console.log(`copy, ${secrets}: ${result.operations} operations, ${result.points} points, 0 violations`);
  expect(result.operations).toBeGreaterThan(5);
  expect(result.unreached).toBe(0);
});
