/** Every kind of object, damaged in every way: noticed, named, and never restored as if nothing were wrong. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type Counts,
  count,
  describeInjection,
  injectionsFor,
  isBad,
  judge,
  spread,
  table,
} from '../support/corruption.ts';
import { makeCorruptionWorld } from '../support/corruption-world.ts';
import { makeSources } from '../support/sim-sources.ts';
import { testEngine } from '../support/temp-repository.ts';

const base = mkdtempSync(join(tmpdir(), 'neo-corruption-'));
const world = await makeCorruptionWorld(testEngine, makeSources(base, 3));
afterAll(() => rmSync(base, { recursive: true }));

const KINDS = ['config', 'keys', 'packs', 'index', 'snapshots'];
const ACTIONS = ['flip', 'truncate', 'swap', 'delete'];

describe('corruption matrix', () => {
  it('every fault is noticed and named, and no wrong byte comes back', async () => {
    const injections = await injectionsFor(world, spread(2, 0.5));
    // A sample of the packs; everything of the other kinds. All of it: `npm run torture`.
    const chosen = injections.filter(({ kind }, n) => kind !== 'packs' || n % 4 === 0);
    const counts: Counts = new Map();
    const bad: string[] = [];
    for (const injection of chosen) {
      const verdict = await judge(world, injection);
      count(counts, injection, verdict);
      if (isBad(verdict)) bad.push(`${verdict}: ${describeInjection(injection)}`);
    }
    console.log(`corruption matrix: ${chosen.length} injections\n${table(counts)}`);
    expect(bad).toEqual([]);
    const cells = KINDS.flatMap((kind) => ACTIONS.map((action) => `${kind} ${action}`));
    expect([...counts.keys()]).toEqual(expect.arrayContaining(cells));
  });
});
