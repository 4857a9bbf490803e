/** A crash at every operation of a forget that keeps versions. Here a sample; all of it: `npm run torture -- --only versions-crash`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { sweep } from '../support/sim.ts';
import { makeSources } from '../support/sim-sources.ts';
import { testEngine } from '../support/temp-repository.ts';
import { versionsScript, versionsStart, versionsVerdict } from '../support/versions-script.ts';

const base = mkdtempSync(join(tmpdir(), 'neo-versions-'));
afterAll(() => rmSync(base, { recursive: true }));
const POINTS = Number(process.env['NEO_SWEEP_POINTS'] ?? 14);

it('a crash at any moment loses no version that a policy keeps, and the same command ends it', async () => {
  const start = await versionsStart(testEngine, makeSources(base, 9));
  const options = { start: start.storage, points: POINTS };
  const result = await sweep(versionsScript(testEngine, start), versionsVerdict(testEngine, start), options);
  console.log(`versions: ${result.operations} operations, ${result.points} points, 0 violations`);
  expect(result.operations).toBeGreaterThan(10);
  expect(result.unreached).toBe(0);
});
