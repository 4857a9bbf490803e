/** kill -9 at random moments of a snapshot of a large tree. */
import { linkSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SimRandom } from '../support/sim-random.ts';
import type { Campaign } from './campaign.ts';
import { environment, fingerprintTree, neo, neoKilled, neoWell, summaryOf } from './neo.ts';
import { nameOn, type TortureStorage } from './storage.ts';

const TREE_BYTES = 500 << 20;
/** Kills of one repository; then it is read whole, restored and begun anew. */
const CYCLE = 10;

interface Acknowledged {
  readonly snapshot: string;
  readonly fingerprint: string;
}

class Bench {
  readonly home: string;
  readonly source: string;
  readonly restored: string;
  readonly #storage: TortureStorage;
  env: NodeJS.ProcessEnv = {};
  readonly acknowledged: Acknowledged[] = [];
  /** Milliseconds of an undisturbed snapshot. */
  whole = 0;

  constructor(folder: string, storage: TortureStorage) {
    this.home = join(folder, 'home');
    this.source = join(folder, 'tree');
    this.restored = join(folder, 'restored');
    this.#storage = storage;
  }

  begin(): void {
    rmSync(this.home, { recursive: true, force: true });
    mkdirSync(this.home, { recursive: true });
    this.acknowledged.length = 0;
    const { env, initFlags } = this.#storage;
    this.env = environment(this.home, { ...env, NEO_REPO: this.#storage.fresh() });
    const password = neoWell(this.env, 'init', ...initFlags);
    if (!password.includes('repository')) throw new Error(`init said: ${password}`);
  }
}

/** Random and repeating bytes, from 1 byte to 64 MiB, with links. */
function makeTree(folder: string, random: SimRandom): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  let bytes = 0;
  for (let n = 0; bytes < TREE_BYTES; n++) {
    const directory = join(folder, `d${n % 37}`, `e${n % 5}`);
    mkdirSync(directory, { recursive: true });
    const size = n % 50 === 0 ? 16 << 20 : n % 9 === 0 ? 200_000 + random.below(800_000) : 1 + random.below(20_000);
    const content = n % 3 === 0 ? Buffer.alloc(size, `line ${n} of text that repeats\n`) : random.bytes(size);
    writeFileSync(join(directory, `f${n}`), content);
    if (n % 100 === 1) linkSync(join(directory, `f${n}`), join(directory, `l${n}`));
    if (n % 100 === 2) symlinkSync(`f${n}`, join(directory, `s${n}`));
    bytes += size;
  }
}

/** About a tenth of the tree. */
function changeTree(folder: string, random: SimRandom): void {
  const directories = readdirSync(folder).flatMap((top) =>
    readdirSync(join(folder, top)).map((name) => join(top, name)),
  );
  for (const directory of directories.filter(() => random.below(10) === 0)) {
    const path = join(folder, directory);
    for (const name of readdirSync(path).filter((file) => file.startsWith('f'))) {
      writeFileSync(join(path, name), random.bytes(1 + random.below(3_000_000)));
      if (random.below(8) === 0) rmSync(join(path, name));
    }
  }
}

export function killCampaign(folder: string, seed: number, cases: number, storage: TortureStorage): Campaign {
  const bench = new Bench(join(folder, 'kill'), storage);
  let ready = false;
  const prepare = (number: number): void => {
    const random = new SimRandom(seed + 1000 + Math.floor(number / CYCLE));
    makeTree(bench.source, random);
    bench.begin();
    const started = Date.now();
    if (bench.whole > 0) return;
    neoWell(bench.env, 'snapshot', bench.source);
    bench.whole = Date.now() - started;
    bench.begin();
  };
  return {
    name: nameOn('kill', storage),
    cases,
    async run(number) {
      const random = new SimRandom(seed + number);
      if (number % CYCLE === 0 || !ready) prepare(number);
      ready = true;
      const killed = await strike(bench, random);
      const last = number % CYCLE === CYCLE - 1;
      return { kills: killed ? 1 : 0, ...afterwards(bench, random, last) };
    },
  };
}

function afterwards(bench: Bench, random: SimRandom, last: boolean): Readonly<Record<string, number>> {
  if (!last && random.below(3) !== 0) return { 'snapshots completed': 0 };
  complete(bench);
  const restored = last ? verifyAll(bench) : 0;
  if (random.below(2) === 0) changeTree(bench.source, random);
  return { 'snapshots completed': 1, 'restores compared': restored };
}

/** False if the snapshot was made before the blow fell. */
async function strike(bench: Bench, random: SimRandom): Promise<boolean> {
  const { code, stdout } = await neoKilled(
    bench.env,
    random.below(Math.ceil(bench.whole * 1.05)),
    'snapshot',
    '--json',
    bench.source,
  );
  if (code === 0) acknowledge(bench, stdout);
  demandClean(bench);
  return code !== 0;
}

function demandClean({ env }: Bench, ...more: readonly string[]): void {
  const { code, stdout, stderr } = neo(env, 'check', ...more);
  if (code !== 0) throw new Error(`check: exit code ${code}: ${stdout} ${stderr}`);
}

function acknowledge(bench: Bench, stdout: string): void {
  const snapshot = summaryOf(stdout)?.['snapshot'];
  if (typeof snapshot !== 'string') throw new Error(`no summary: ${stdout.slice(-500)}`);
  bench.acknowledged.push({ snapshot, fingerprint: fingerprintTree(bench.source) });
}

function complete(bench: Bench): void {
  acknowledge(bench, neoWell(bench.env, 'snapshot', '--json', bench.source));
  demandClean(bench);
}

function verifyAll(bench: Bench): number {
  demandClean(bench, '--read-data');
  for (const { snapshot, fingerprint } of bench.acknowledged) {
    rmSync(bench.restored, { recursive: true, force: true });
    neoWell(bench.env, 'restore', `${snapshot}:${bench.source}`, '--to', bench.restored);
    const found = fingerprintTree(bench.restored);
    if (found !== fingerprint) throw new Error(`snapshot ${snapshot} restores to something else`);
  }
  rmSync(bench.restored, { recursive: true, force: true });
  return bench.acknowledged.length;
}
