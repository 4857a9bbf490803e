/** A crash at every operation of `repair packs`. Here a sample; all of it: `npm run torture -- --only heal-crash`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { healScript, healStart, healVerdict } from '../support/heal-script.ts';
import { pruneStart } from '../support/prune-script.ts';
import { sweep } from '../support/sim.ts';
import { makeSources } from '../support/sim-sources.ts';
import { testEngine } from '../support/temp-repository.ts';

const base = mkdtempSync(join(tmpdir(), 'neo-heal-'));
afterAll(() => rmSync(base, { recursive: true }));
const POINTS = Number(process.env['NEO_SWEEP_POINTS'] ?? 14);

it('a crash at any moment of a repair loses nothing, and the same command ends it', async () => {
  const start = await healStart(await pruneStart(testEngine, makeSources(base, 9)), 1);
  const options = { start: start.storage, points: POINTS };
  const result = await sweep(healScript(testEngine, start), healVerdict(testEngine, start), options);
  console.log(`repair packs: ${result.operations} operations, ${result.points} points, 0 violations`);
  expect(result.operations).toBeGreaterThan(3);
  expect(result.unreached).toBe(0);
});
