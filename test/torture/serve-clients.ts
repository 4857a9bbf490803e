/** What the machines of such a world do until it is over, while the server is killed. */
import { type Ended, fingerprintTree, summaryOf } from './neo.ts';
import {
  changeTree,
  DENIED,
  FLOOR,
  type Ledger,
  type Machine,
  QUOTA_EXCEEDED,
  RETRY,
  type Saved,
  UNREACHABLE,
  type World,
} from './serve-world.ts';

export type Until = () => boolean;

/** Snapshots of one account are kept up to so many. */
const KEPT = 8;
const QUOTA_STEP = 4_000_000;

export async function ann(world: World, isOver: Until): Promise<void> {
  let refusals = 0;
  while (!isOver()) {
    const code = await snapshot(world, world.ann, world.annLedger);
    refusals = code === QUOTA_EXCEEDED ? refusals + 1 : 0;
    if (world.annLedger.saved.size > KEPT) await forget(world, world.ann, world.annLedger, ['--trash', '0']);
    if (refusals >= 2) await setQuota(world, world.asked + QUOTA_STEP);
  }
}

/** Prunes as one does who is not alone. */
export async function annToo(world: World, isOver: Until): Promise<void> {
  while (!isOver()) {
    await snapshot(world, world.annToo, world.annLedger);
    if (world.annToo.random.below(2) === 0) await prune(world, world.annToo, ['--grace', FLOOR, '--yes']);
  }
}

export async function laptop(world: World, isOver: Until): Promise<void> {
  while (!isOver()) await snapshot(world, world.laptop, world.annLedger);
}

/** Alone: what goes is gone at once. */
export async function bob(world: World, isOver: Until): Promise<void> {
  const { bob: machine, bobLedger: ledger } = world;
  while (!isOver()) {
    await snapshot(world, machine, ledger);
    if (ledger.saved.size <= 3) continue;
    await forget(world, machine, ledger, []);
    const emptied = await machine.neo('trash', '--empty', '--yes', ...RETRY);
    if (emptied.code !== 0) world.fault('trash of bob', emptied);
    await prune(world, machine, ['--sole-writer', '--grace', '0', '--yes']);
  }
}

/** @returns its exit code */
export async function snapshot(world: World, machine: Machine, ledger: Ledger): Promise<number | null> {
  changeTree(machine);
  const { source } = machine;
  const saved: Saved = { source, fingerprint: fingerprintTree(source) };
  const tag = `${machine.name}-${world.next()}`;
  const ended = await machine.neo('snapshot', '--json', '--tag', tag, ...RETRY, source);
  const { code, stderr } = ended;
  if (code === 0) {
    ledger.saved.set(String(summaryOf(ended.stdout)?.['snapshot']), saved);
    world.counts.snapshots += 1;
  } else if (code === QUOTA_EXCEEDED) {
    ledger.refused.add(tag);
    world.counts['refused by quota'] += 1;
  } else if (stderr.includes('a prune has deleted what this run rested on')) world.counts.overtaken += 1;
  else world.fault(`snapshot of ${machine.name}`, ended);
  return code;
}

async function forget(world: World, machine: Machine, { saved }: Ledger, more: readonly string[]): Promise<void> {
  const names = [...saved.keys()];
  const chosen = names.filter(() => machine.random.below(2) === 0);
  if (chosen.length === 0) return;
  const known = chosen.map((name) => [name, saved.get(name)] as const);
  for (const name of chosen) saved.delete(name);
  const ended = await machine.neo('forget', ...more, ...RETRY, ...chosen);
  if (ended.code === 0) world.counts.forgets += 1;
  // Some of it may have happened.
  else if (isSpent(world, ended)) return;
  else if (ended.code !== QUOTA_EXCEEDED) world.fault(`forget of ${machine.name}`, ended);
  else {
    world.counts['refused by quota'] += 1;
    // Nothing of it may have happened.
    for (const [name, each] of known) if (each !== undefined) saved.set(name, each);
  }
}

/** Each start takes a part of what may go in a day: after some there is none left. */
function isSpent({ counts }: World, { code, stderr }: Ended): boolean {
  const is = code === DENIED && stderr.includes('gives up no more');
  if (is) counts['refused for a day'] += 1;
  return is;
}

async function prune(world: World, machine: Machine, more: readonly string[]): Promise<void> {
  const ended = await machine.neo('prune', '--json', '--max-unused', '0%', ...more, ...RETRY);
  if (ended.code === 0) world.counts.prunes += 1;
  else if (ended.code === QUOTA_EXCEEDED) world.counts['refused by quota'] += 1;
  else if (!isSpent(world, ended)) world.fault(`prune of ${machine.name}`, ended);
}

/** As the administrator, of ann. */
export async function setQuota(world: World, quota: number): Promise<void> {
  world.quota = undefined;
  world.asked = quota;
  const ended = await world.admin.neo('admin', 'user', 'set', 'ann', '--quota', String(quota));
  if (ended.code === 0) world.quota = quota;
  else if (ended.code === UNREACHABLE) world.counts['not acknowledged'] += 1;
  else world.fault('admin user set', ended);
}
