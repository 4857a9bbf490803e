/**
 * Three snapshot loops, two prune loops, a forget and a restore loop at once on one repository, all of them
 * killed at random moments. A case is one minute of that; then every snapshot that is listed must restore exactly.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SimRandom } from '../support/sim-random.ts';
import type { Campaign } from './campaign.ts';
import { type Ended, environment, fingerprintTree, neo, neoKilled, neoWell, summaryOf } from './neo.ts';
import { nameOn, type TortureStorage } from './storage.ts';

const MINUTE = 60_000;
/** No kill: longer than anything takes. */
const NEVER = 10 * MINUTE;
const FLOOR = '5s';

class Ground {
  readonly folder: string;
  readonly repository: string;
  readonly #storage: TortureStorage;
  /** Snapshot → what its folder was. */
  readonly acknowledged = new Map<string, string>();
  readonly counts = { snapshots: 0, prunes: 0, 'packs deleted': 0, forgets: 0, restores: 0, kills: 0, rescued: 0 };
  readonly faults: string[] = [];

  constructor(folder: string, storage: TortureStorage) {
    this.folder = folder;
    this.repository = storage.fresh();
    this.#storage = storage;
  }

  env(who: string): NodeJS.ProcessEnv {
    const home = join(this.folder, `home-${who}`);
    mkdirSync(home, { recursive: true });
    return environment(home, {
      ...this.#storage.env,
      NEO_REPO: this.repository,
      NEO_GRACE_FLOOR: FLOOR,
      NEO_KEY_FILE: join(this.folder, 'key'),
      NEO_PASSWORD: '',
    });
  }

  fault(who: string, { code, stderr }: Ended): void {
    this.faults.push(`${who}: exit code ${code}: ${stderr.slice(-800)}`);
  }
}

/** Random files, a part of them the same in all folders: so that writers rest on each other's packs. */
function makeSource(folder: string, random: SimRandom, shared: readonly Uint8Array[]): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'sub'), { recursive: true });
  for (let n = 0; n < 12; n++) {
    const bytes = shared[random.below(shared.length)] ?? random.bytes(1000);
    writeFileSync(join(folder, n % 2 === 0 ? `f${n}` : `sub/f${n}`), bytes);
  }
  for (let n = 0; n < 30; n++) writeFileSync(join(folder, 'sub', `small${n}`), random.bytes(1 + random.below(3000)));
}

async function snapshotLoop(
  ground: Ground,
  who: string,
  random: SimRandom,
  shared: readonly Uint8Array[],
  end: number,
) {
  const env = ground.env(who);
  const source = join(ground.folder, `source-${who}`);
  while (Date.now() < end) {
    makeSource(source, random, shared);
    const fingerprint = fingerprintTree(source);
    const kill = random.below(4) === 0;
    const ended = await neoKilled(env, kill ? random.below(2500) : NEVER, 'snapshot', '--json', source);
    const snapshot = summaryOf(ended.stdout)?.['snapshot'];
    if (typeof snapshot === 'string' && ended.code === 0) {
      ground.acknowledged.set(snapshot, fingerprint);
      ground.counts.snapshots += 1;
    } else if (ended.code === null) ground.counts.kills += 1;
    else ground.fault(who, ended);
  }
}

async function pruneLoop(ground: Ground, who: string, random: SimRandom, end: number): Promise<void> {
  const env = ground.env(who);
  while (Date.now() < end) {
    const kill = random.below(4) === 0;
    const args = ['prune', '--json', '--grace', FLOOR, '--max-unused', random.below(2) === 0 ? '0%' : '5%'];
    const ended = await neoKilled(
      env,
      kill ? random.below(6000) : NEVER,
      ...args,
      ...(random.below(2) === 0 ? ['--wait'] : []),
    );
    const swept = summaryOf(ended.stdout)?.['swept'] as { packs: number; rescued: number } | undefined;
    if (swept !== undefined) {
      ground.counts.prunes += 1;
      ground.counts['packs deleted'] += swept.packs;
      ground.counts.rescued += swept.rescued;
    } else if (ended.code === null) ground.counts.kills += 1;
    else ground.fault(who, ended);
  }
}

async function forgetLoop(ground: Ground, random: SimRandom, end: number): Promise<void> {
  const env = ground.env('forgetter');
  while (Date.now() < end) {
    const names = [...ground.acknowledged.keys()];
    const chosen = names[random.below(names.length)];
    if (chosen === undefined || names.length < 8) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      continue;
    }
    ground.acknowledged.delete(chosen);
    const ended = await neoKilled(env, NEVER, 'forget', '--trash', '0', chosen);
    if (ended.code === 0) ground.counts.forgets += 1;
    else ground.fault('forgetter', ended);
  }
}

async function restoreLoop(ground: Ground, random: SimRandom, end: number): Promise<void> {
  const env = ground.env('reader');
  const target = join(ground.folder, 'restored');
  while (Date.now() < end) {
    const names = [...ground.acknowledged.keys()];
    const chosen = names[random.below(names.length)];
    rmSync(target, { recursive: true, force: true });
    if (chosen === undefined) await new Promise((resolve) => setTimeout(resolve, 500));
    else await restoreOne(ground, env, chosen, target, random.below(4) === 0 ? random.below(2500) : NEVER);
  }
}

async function restoreOne(
  ground: Ground,
  env: NodeJS.ProcessEnv,
  chosen: string,
  target: string,
  after: number,
): Promise<void> {
  const expected = ground.acknowledged.get(chosen);
  const ended = await neoKilled(env, after, 'restore', chosen, '--to', target);
  if (ended.code === 0) {
    ground.counts.restores += 1;
    if (fingerprintOf(target, ground) !== expected) ground.faults.push(`restore of ${chosen} differs`);
  } else if (ended.code === null) ground.counts.kills += 1;
  // Somebody may have forgotten it meanwhile.
  else if (ground.acknowledged.has(chosen)) ground.fault(`restore of ${chosen}`, ended);
}

/** Of the folder that was saved, wherever it was restored to. */
function fingerprintOf(target: string, ground: Ground): string | undefined {
  for (const who of ['one', 'two', 'three']) {
    const path = join(target, ground.folder, `source-${who}`);
    try {
      return fingerprintTree(path);
    } catch {
      // Another one's.
    }
  }
  return undefined;
}

export function pruningCampaign(folder: string, seed: number, storage: TortureStorage): Campaign {
  return {
    name: nameOn('pruning', storage),
    cases: 10,
    async run(number) {
      const ground = new Ground(join(folder, 'pruning'), storage);
      const random = new SimRandom(seed * 1000 + number);
      rmSync(ground.folder, { recursive: true, force: true });
      mkdirSync(ground.folder, { recursive: true });
      const first = { ...ground.env('owner'), NEO_PASSWORD: 'torture', NEO_KEY_FILE: '' };
      neoWell(first, 'init', ...storage.initFlags);
      neoWell(first, 'key', 'add', '--role', 'full', '--label', 'torture', '--out', join(ground.folder, 'key'));
      const shared = Array.from({ length: 16 }, () => random.bytes(20_000 + random.below(600_000)));
      const end = Date.now() + MINUTE;
      const seeds = Array.from({ length: 7 }, () => new SimRandom(random.word()));
      const [a, b, c, d, e, f, g] = seeds as [
        SimRandom,
        SimRandom,
        SimRandom,
        SimRandom,
        SimRandom,
        SimRandom,
        SimRandom,
      ];
      await Promise.all([
        snapshotLoop(ground, 'one', a, shared, end),
        snapshotLoop(ground, 'two', b, shared, end),
        snapshotLoop(ground, 'three', c, shared, end),
        pruneLoop(ground, 'pruner-one', d, end),
        pruneLoop(ground, 'pruner-two', e, end),
        forgetLoop(ground, f, end),
        restoreLoop(ground, g, end),
      ]);
      const compared = verdict(ground);
      const [fault] = ground.faults;
      if (fault !== undefined) {
        if (storage.kind === 'local')
          cpSync(ground.repository, join(folder, `pruning-failed-${number}`), { recursive: true });
        throw new Error(`${ground.faults.length} faults; ${fault}`);
      }
      return { ...ground.counts, 'snapshots compared': compared };
    },
  };
}

/** Everything that is listed, acknowledged or not, restores; what was acknowledged restores exactly. */
function verdict(ground: Ground): number {
  const env = ground.env('judge');
  const target = join(ground.folder, 'judged');
  const checked = neo(env, 'check', '--read-data');
  if (checked.code !== 0) ground.fault('check', checked);
  const listed = neoWell(env, 'snapshots', '--json')
    .split('\n')
    .filter((line) => line.includes('"type":"snapshot"'))
    .map((line) => String((JSON.parse(line) as { id: unknown }).id));
  for (const name of ground.acknowledged.keys()) {
    if (!listed.includes(name)) ground.faults.push(`snapshot ${name} is not listed`);
  }
  for (const name of listed) {
    rmSync(target, { recursive: true, force: true });
    const ended = neo(env, 'restore', name, '--to', target);
    if (ended.code !== 0) ground.fault(`restore of ${name}`, ended);
    const expected = ground.acknowledged.get(name);
    if (expected !== undefined && fingerprintOf(target, ground) !== expected) ground.faults.push(`${name} differs`);
  }
  return listed.length;
}
