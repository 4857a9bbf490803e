/** The whole crash sweep and the whole corruption matrix. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadEngine } from '../../src/engine/load.ts';
import { copyScript, copyStart, copyVerdict } from '../support/copy-script.ts';
import { describeInjection, injectionsFor, isBad, judge, spread } from '../support/corruption.ts';
import { makeCorruptionWorld } from '../support/corruption-world.ts';
import { crashScript, crashVerdict } from '../support/crash-script.ts';
import { remoteSweep } from '../support/dying-client.ts';
import { healScript, healStart, healVerdict } from '../support/heal-script.ts';
import { archiveOf, importScript, importVerdict } from '../support/import-script.ts';
import { pruneScript, pruneStart, pruneVerdict } from '../support/prune-script.ts';
import { rekeyScript, rekeyVerdict } from '../support/rekey-script.ts';
import { repairScript, repairStart, repairVerdict } from '../support/repair-script.ts';
import { rewriteScript, rewriteVerdict } from '../support/rewrite-script.ts';
import { sweep } from '../support/sim.ts';
import { makeSources, type SourceState } from '../support/sim-sources.ts';
import { versionsScript, versionsStart, versionsVerdict } from '../support/versions-script.ts';
import type { Campaign } from './campaign.ts';
import { nameOn, type TortureStorage } from './storage.ts';

function sourcesIn(folder: string, name: string, seed: number): readonly SourceState[] {
  const base = join(folder, name);
  rmSync(base, { recursive: true, force: true });
  mkdirSync(base, { recursive: true });
  return makeSources(base, seed);
}

/** Other bytes and another moment of Ctrl-C in each case; every operation and moment of each. */
export async function sweepCampaign(folder: string, seed: number): Promise<Campaign> {
  const engine = await loadEngine();
  return {
    name: 'sweep',
    cases: 12,
    async run(number) {
      const sources = sourcesIn(folder, 'sweep-sources', seed + number);
      const script = crashScript(engine, sources, 1 + (number % 6));
      const { operations, points } = await sweep(script, crashVerdict(engine, sources), { seed: seed + number });
      return { operations, points };
    },
  };
}

/** The same over a real server: the client dies at every operation, before and after it. */
export async function remoteSweepCampaign(folder: string, seed: number, storage: TortureStorage): Promise<Campaign> {
  const engine = await loadEngine();
  return {
    name: nameOn('sweep', storage),
    cases: 4,
    async run(number) {
      const sources = sourcesIn(folder, 'sweep-sources', seed + number);
      let location = '';
      return remoteSweep({
        script: crashScript(engine, sources, 1 + (number % 6)),
        verify: crashVerdict(engine, sources),
        seed: seed + number,
        open(fresh) {
          if (fresh) location = storage.fresh();
          return storage.open(location);
        },
      });
    },
  };
}

export async function repairCampaign(folder: string, seed: number): Promise<Campaign> {
  const engine = await loadEngine();
  return {
    name: 'repair',
    cases: 6,
    async run(number) {
      const sources = sourcesIn(folder, 'repair-sources', seed + number);
      const start = await repairStart(engine, sources, number);
      const { operations, points } = await sweep(repairScript(engine), repairVerdict(engine, start), {
        seed: seed + number,
        start: start.storage,
      });
      return { operations, points };
    },
  };
}

/** Every operation and moment of forget and prune, at once and with grace, over other bytes in each case. */
export async function pruneCrashCampaign(folder: string, seed: number): Promise<Campaign> {
  const engine = await loadEngine();
  return {
    name: 'prune-crash',
    cases: 6,
    async run(number) {
      const sources = sourcesIn(folder, 'prune-sources', seed + number);
      const start = await pruneStart(engine, sources, seed + number);
      const way = number % 2 === 0 ? 'sole writer' : 'with grace';
      const { operations, points } = await sweep(pruneScript(engine, start, way), pruneVerdict(engine, start, way), {
        seed: seed + number,
        start: start.storage,
      });
      return { operations, points };
    },
  };
}

const FLIPS = 240;

export async function corruptionCampaign(folder: string, seed: number): Promise<Campaign> {
  const world = await makeCorruptionWorld(await loadEngine(), sourcesIn(folder, 'corruption-sources', seed));
  const injections = await injectionsFor(world, spread(FLIPS, 0.5));
  return {
    name: 'corruption',
    cases: injections.length,
    async run(number) {
      const injection = injections[number];
      if (injection === undefined) return {};
      const verdict = await judge(world, injection);
      if (isBad(verdict)) throw new Error(`${verdict}: ${describeInjection(injection)}`);
      return { injections: 1, [`seen by ${verdict}`]: 1 };
    },
  };
}

/** A crash before, within and after each operation of a rewrite that drops files. */
export async function rewriteCrashCampaign(folder: string, seed: number): Promise<Campaign> {
  const engine = await loadEngine();
  return {
    name: 'rewrite-crash',
    cases: 3,
    async run(number) {
      const start = await pruneStart(engine, sourcesIn(folder, 'rewrite-sources', seed + number), seed + number);
      const { operations, points } = await sweep(rewriteScript(engine), rewriteVerdict(engine, start), {
        seed: seed + number,
        start: start.storage,
      });
      return { operations, points };
    },
  };
}

/** The same of a move to new content secrets: rotation, new snapshots, prune. */
export async function rekeyCrashCampaign(folder: string, seed: number): Promise<Campaign> {
  const engine = await loadEngine();
  return {
    name: 'rekey-crash',
    cases: 3,
    async run(number) {
      const start = await pruneStart(engine, sourcesIn(folder, 'rekey-sources', seed + number), seed + number);
      const { operations, points } = await sweep(rekeyScript(engine), rekeyVerdict(engine, start), {
        seed: seed + number,
        start: start.storage,
      });
      return { operations, points };
    },
  };
}

/** A crash before, within and after each operation of an import. */
export async function importCrashCampaign(folder: string, seed: number): Promise<Campaign> {
  const engine = await loadEngine();
  return {
    name: 'import-crash',
    cases: 3,
    async run(number) {
      const [first, ...others] = sourcesIn(folder, 'import-sources', seed + number);
      if (first === undefined) return {};
      const start = await pruneStart(engine, others, seed + number);
      const archive = archiveOf(first);
      const { operations, points } = await sweep(importScript(engine, archive), importVerdict(engine, start, archive), {
        seed: seed + number,
        start: start.storage,
      });
      return { operations, points };
    },
  };
}

/** A crash before, within and after each operation of a forget that keeps versions, and of the prune after it. */
export async function versionsCrashCampaign(folder: string, seed: number): Promise<Campaign> {
  const engine = await loadEngine();
  return {
    name: 'versions-crash',
    cases: 3,
    async run(number) {
      const start = await versionsStart(engine, sourcesIn(folder, 'versions-sources', seed + number), seed + number);
      const { operations, points } = await sweep(versionsScript(engine, start), versionsVerdict(engine, start), {
        seed: seed + number,
        start: start.storage,
      });
      return { operations, points };
    },
  };
}

/** A crash before, within and after each operation of `repair packs`, over other damage in each case. */
export async function healCrashCampaign(folder: string, seed: number): Promise<Campaign> {
  const engine = await loadEngine();
  return {
    name: 'heal-crash',
    cases: 6,
    async run(number) {
      const whole = await pruneStart(engine, sourcesIn(folder, 'heal-sources', seed + number), seed + number);
      const start = await healStart(whole, number);
      const { operations, points } = await sweep(healScript(engine, start), healVerdict(engine, start), {
        seed: seed + number,
        start: start.storage,
      });
      return { operations, points };
    },
  };
}

/** A crash before, within and after each operation of a copy, with the same content secrets and with others. */
export async function copyCrashCampaign(folder: string, seed: number): Promise<Campaign> {
  const engine = await loadEngine();
  return {
    name: 'copy-crash',
    cases: 4,
    async run(number) {
      const source = await pruneStart(engine, sourcesIn(folder, 'copy-sources', seed + number), seed + number);
      const start = await copyStart(engine, source, number % 2 === 0 ? 'same secrets' : 'other secrets');
      const { operations, points } = await sweep(copyScript(engine, start), copyVerdict(engine, start), {
        seed: seed + number,
        start: start.target,
      });
      return { operations, points };
    },
  };
}
