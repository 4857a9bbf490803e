/** A crash after, before and in the middle of every storage operation. Here a sample; all of it: `npm run torture`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crashScript, crashVerdict } from '../support/crash-script.ts';
import { sweep } from '../support/sim.ts';
import { makeSources, type SourceState } from '../support/sim-sources.ts';
import { testEngine } from '../support/temp-repository.ts';

const base = mkdtempSync(join(tmpdir(), 'neo-sweep-'));
let sources: readonly SourceState[] = [];

beforeAll(() => {
  sources = makeSources(base);
});
afterAll(() => rmSync(base, { recursive: true }));

describe('crash sweep', () => {
  it('init, snapshots and an interrupted one leave a clean repository at every moment', async () => {
    const engine = testEngine;
    const points = Number(process.env['NEO_SWEEP_POINTS'] ?? 16);
    const result = await sweep(crashScript(engine, sources), crashVerdict(engine, sources), { points });
    console.log(`crash sweep: ${result.operations} operations, ${result.points} points, 0 violations`);
    expect(result.operations).toBeGreaterThan(20);
    expect(result.unreached).toBe(0);
  });
});
