/**
 * kill -9 of three servers that send each other what they have, at random moments, while objects are put at all of them and removed. In the end all three have
 * what was acknowledged, and nothing that was removed; and at no time has one a snapshot without what it rests on.
 */
import { join } from 'node:path';
import type { Backend } from '../../src/backends/backend.ts';
import { toHex } from '../../src/core/bytes.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { SimRandom } from '../support/sim-random.ts';
import type { Campaign } from './campaign.ts';
import { Cluster, SHAPES, type Shape, unlessKilled } from './replicas-cluster.ts';

export interface Amounts {
  readonly cases: number;
  /** Of kills, in a case. */
  readonly milliseconds: number;
}

export const FULL: Amounts = { cases: 60, milliseconds: 15_000 };
const LANES = 3;
const engine = await loadEngine();

/** What is known of a path: `there` and `gone` were acknowledged. */
type Known = 'there' | 'gone' | 'unknown';

interface Case {
  readonly cluster: Cluster;
  readonly known: Map<string, Known>;
  readonly counts: Record<string, number>;
}

export function replicasCampaign(folder: string, seed: number, amounts: Amounts): Campaign {
  const shapes = Object.keys(SHAPES) as Shape[];
  return {
    name: 'replicas',
    cases: amounts.cases,
    async run(number) {
      const random = new SimRandom(seed * 100_003 + number);
      const cluster = await Cluster.start(join(folder, 'replicas'), shapes[number % shapes.length] ?? 'ring');
      const counts = { puts: 0, removals: 0, snapshots: 0, 'not acknowledged': 0, kills: 0, 'lists looked at': 0 };
      const one: Case = { cluster, known: new Map(), counts };
      try {
        await disturb(one, random, amounts.milliseconds);
        await cluster.settle();
        await verdict(one);
        const faults = cluster.faults();
        if (faults.length > 0) throw new Error(faults.slice(0, 4).join('\n'));
        return { ...counts, objects: one.known.size };
      } finally {
        await cluster.stop();
      }
    },
  };
}

async function disturb(one: Case, random: SimRandom, milliseconds: number): Promise<void> {
  const end = Date.now() + milliseconds;
  const isOver = (): boolean => Date.now() >= end;
  const lanes = [0, 1, 2].flatMap((n) =>
    Array.from({ length: LANES }, () => lane(one, n, new SimRandom(random.word()), isOver)),
  );
  for (const done of await Promise.allSettled([...lanes, strikes(one, random, isOver)])) {
    if (done.status === 'rejected') throw done.reason;
  }
}

async function strikes({ cluster, counts }: Case, random: SimRandom, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await pause(random.below(1500));
    const n = random.below(3);
    await cluster.served(n).kill();
    counts['kills'] = (counts['kills'] ?? 0) + 1;
    await pause(random.below(4) === 0 ? random.below(2500) : 0);
    if (random.below(4) === 0) {
      await cluster.served(n).startAndKill(random.below(800));
      counts['kills'] += 1;
    }
    await cluster.served(n).start();
    // What it has by now, others of it still on their way.
    await lookAt(cluster.target(n));
    counts['lists looked at'] = (counts['lists looked at'] ?? 0) + 1;
  }
}

/** Puts and removes at one server what is nobody else's. */
async function lane(
  { cluster, known, counts }: Case,
  n: number,
  random: SimRandom,
  isOver: () => boolean,
): Promise<void> {
  const target = cluster.target(n);
  const own: string[] = [];
  const done = (name: string, path: string, acknowledged: boolean, state: Known): void => {
    known.set(path, acknowledged ? state : 'unknown');
    const count = acknowledged ? name : 'not acknowledged';
    counts[count] = (counts[count] ?? 0) + 1;
  };
  const put = async (name: string, path: string, bytes: Uint8Array): Promise<boolean> => {
    const acknowledged = (await unlessKilled(target.put(path, bytes).then(() => true))) === true;
    done(name, path, acknowledged, 'there');
    return acknowledged;
  };
  while (!isOver()) {
    const dice = random.below(10);
    const path = own[random.below(own.length)];
    if (dice < 2 && path !== undefined && known.get(path) === 'there') {
      const acknowledged = (await unlessKilled(target.remove(path).then(() => true))) === true;
      done('removals', path, acknowledged, 'gone');
    } else if (dice < 5) await snapshot(random, put);
    else {
      const bytes = random.bytes(1 + random.below(30_000));
      const fresh = `index/${nameOf(bytes)}`;
      own.push(fresh);
      await put('puts', fresh, bytes);
    }
    // Nobody listens there for a while.
    await pause(random.below(40));
  }
  await target.close();
}

/** Some packs, and then what rests on them. */
async function snapshot(
  random: SimRandom,
  put: (name: string, path: string, bytes: Uint8Array) => Promise<boolean>,
): Promise<void> {
  const packs: string[] = [];
  for (let left = 1 + random.below(4); left > 0; left -= 1) {
    const bytes = random.bytes(1 + random.below(100_000));
    const path = `packs/${nameOf(bytes)}`;
    // A client that is not told tries again, or makes no snapshot of it.
    if (!(await put('puts', path, bytes))) return;
    packs.push(path);
  }
  const bytes = Buffer.from(packs.join('\n'));
  await put('snapshots', `snapshots/${nameOf(bytes)}`, bytes);
}

function nameOf(bytes: Uint8Array): string {
  return toHex(engine.blake3(bytes));
}

/** @throws for a snapshot without a pack */
async function lookAt(target: Backend): Promise<Map<string, number>> {
  const snapshots: string[] = [];
  for await (const { path } of target.list('snapshots')) snapshots.push(path);
  const there = new Map<string, number>();
  // After them: what comes meanwhile is no fault.
  for await (const { path, size } of target.list('')) there.set(path, size);
  for (const path of snapshots) {
    const bytes = await target.get(path);
    if (bytes === undefined) throw new Error(`${path} is gone`);
    for (const pack of Buffer.from(bytes).toString().split('\n')) {
      if (!there.has(pack)) throw new Error(`${path} is there, and ${pack}, on which it rests, is not`);
    }
  }
  await target.close();
  return there;
}

async function verdict({ cluster, known }: Case): Promise<void> {
  const [first = new Map(), ...others] = await Promise.all([0, 1, 2].map((n) => lookAt(cluster.target(n))));
  const paths = [...first.keys()].sort().join('\n');
  for (const [n, other] of others.entries()) {
    if ([...other.keys()].sort().join('\n') !== paths) throw new Error(`server ${n + 1} has others than server 0`);
  }
  checkKnown(first, known);
  for (const n of [0, 1, 2]) await checkBytes(cluster.target(n), [...first.keys()]);
}

/** What was acknowledged, and nothing else. */
function checkKnown(there: ReadonlyMap<string, number>, known: ReadonlyMap<string, Known>): void {
  for (const [path, state] of known) {
    if (state === 'there' && !there.has(path)) throw new Error(`${path} was acknowledged, and is nowhere`);
    if (state === 'gone' && there.has(path)) throw new Error(`${path} was removed, and is there again`);
  }
  for (const path of there.keys()) if (!known.has(path)) throw new Error(`nobody has put ${path}`);
}

async function checkBytes(target: Backend, paths: readonly string[]): Promise<void> {
  const left = [...paths];
  const worker = async (): Promise<void> => {
    for (let path = left.pop(); path !== undefined; path = left.pop()) {
      const bytes = await target.get(path);
      if (bytes === undefined || !path.endsWith(nameOf(bytes))) throw new Error(`${path} has other bytes`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  await target.close();
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
