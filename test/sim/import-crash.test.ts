/** A crash at every operation of an import. Here a sample; all of it: `npm run torture -- --only import-crash`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { archiveOf, importScript, importVerdict } from '../support/import-script.ts';
import { pruneStart } from '../support/prune-script.ts';
import { sweep } from '../support/sim.ts';
import { makeSources } from '../support/sim-sources.ts';
import { testEngine } from '../support/temp-repository.ts';

const base = mkdtempSync(join(tmpdir(), 'neo-import-'));
afterAll(() => rmSync(base, { recursive: true }));
const POINTS = Number(process.env['NEO_SWEEP_POINTS'] ?? 14);

it('a crash at any moment of an import leaves all of it or nothing, and the same command works', async () => {
  const sources = makeSources(base, 9);
  const [first] = sources;
  if (first === undefined) throw new Error('no sources');
  const start = await pruneStart(testEngine, sources.slice(1));
  const archive = archiveOf(first);
  const options = { start: start.storage, points: POINTS };
  const result = await sweep(importScript(testEngine, archive), importVerdict(testEngine, start, archive), options);
  console.log(`import: ${result.operations} operations, ${result.points} points, 0 violations`);
  expect(result.operations).toBeGreaterThan(3);
  expect(result.unreached).toBe(0);
});
