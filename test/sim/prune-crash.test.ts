/** A crash at every operation of forget and prune. Here a sample; all of it: `npm run torture -- --only prune-crash`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { pruneScript, pruneStart, pruneVerdict } from '../support/prune-script.ts';
import { sweep } from '../support/sim.ts';
import { makeSources } from '../support/sim-sources.ts';
import { testEngine } from '../support/temp-repository.ts';

const base = mkdtempSync(join(tmpdir(), 'neo-prune-'));
afterAll(() => rmSync(base, { recursive: true }));
const sources = makeSources(base, 9);
const POINTS = Number(process.env['NEO_SWEEP_POINTS'] ?? 14);

describe('prune', () => {
  it.each(['sole writer', 'with grace'] as const)(
    '%s: a crash at any moment leaves a whole repository',
    async (way) => {
      const start = await pruneStart(testEngine, sources);
      const script = pruneScript(testEngine, start, way);
      const options = { start: start.storage, points: POINTS };
      const result = await sweep(script, pruneVerdict(testEngine, start, way), options);
      console.log(`prune, ${way}: ${result.operations} operations, ${result.points} points, 0 violations`);
      expect(result.operations).toBeGreaterThan(7);
      expect(result.unreached).toBe(0);
    },
  );
});
