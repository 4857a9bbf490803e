/** What has to be so after the server was killed, when nobody asks it anything else. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ControlClient } from '../../src/backends/neo-control.ts';
import { trustAt } from '../../src/cli/server-trust.ts';
import { systemFolders } from '../../src/cli/surroundings.ts';
import type { ControlAnswer } from '../../src/protocol/control.ts';
import { fingerprintTree, summaryOf } from './neo.ts';
import { tryPasses } from './serve-keeper.ts';
import { type Ledger, type Machine, PER_OBJECT, RETRY, type World } from './serve-world.ts';

type Counted = ControlAnswer<'fsck'>['targets'][number];

export async function verdict(world: World): Promise<void> {
  await demandCounts(world);
  await tryPasses(world, true);
  await demandAccounts(world);
  await demandEntries(world);
  await Promise.all([
    demandRepository(world, world.ann, world.annLedger),
    demandRepository(world, world.bob, world.bobLedger).then(() => demandScratch(world)),
  ]);
}

async function demandAccounts(world: World): Promise<void> {
  const { accounts } = await ask(world, world.admin, (client) => client.call('users', {}));
  const names = accounts.map(({ name }) => name);
  for (const [name, isThere] of [...world.accounts, ['ann', true] as const, ['bob', true] as const]) {
    if (isThere === undefined || names.includes(name) === isThere) continue;
    world.faults.push(`account ${name}: ${isThere ? 'made, and gone' : 'removed, and back'}`);
  }
}

/** The server's ledger continues what it was before it was killed, and has all snapshots that were acknowledged. */
async function demandEntries(world: World): Promise<void> {
  const shown = await world.admin.neo('ledger', 'show', '--json');
  if (shown.code !== 0) return world.fault('ledger show', shown);
  const lines = shown.stdout.split('\n').filter((line) => line !== '');
  const paths = new Set(
    lines.map((line) => (JSON.parse(line) as { readonly content?: { readonly path?: string } }).content?.path),
  );
  world.counts['ledger entries verified'] += lines.length - 1;
  for (const { saved } of [world.annLedger, world.bobLedger, world.scratchLedger]) {
    for (const name of saved.keys()) {
      if (!paths.has(`snapshots/${name}`)) world.faults.push(`snapshot ${name} was saved, and is not in the ledger`);
    }
  }
}

async function demandScratch(world: World): Promise<void> {
  const { targets } = await ask(world, world.bob, (client) => client.call('targets', {}));
  const names = targets.map(({ name }) => name);
  if (!names.includes('main')) world.faults.push('the target main is gone');
  if (world.scratch === 'absent' && names.includes('scratch')) world.faults.push('a target that was removed is back');
  if (world.scratch !== 'there') return;
  if (names.includes('scratch')) await demandRepository(world, world.keeper, world.scratchLedger);
  else world.faults.push('a target that was made is gone');
}

async function ask<T>(world: World, { home, env }: Machine, work: (client: ControlClient) => Promise<T>): Promise<T> {
  const host = { host: '127.0.0.1', port: world.served.port };
  const client = new ControlClient(host, await trustAt(host, systemFolders({ HOME: env['HOME'] ?? home }), {}));
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** What the server counted, what it counts now, and what lies on its disk. */
async function demandCounts(world: World): Promise<void> {
  const usages = await Promise.all(
    [world.ann, world.bob].map((who) => ask(world, who, (own) => own.call('usage', {}))),
  );
  const counted = await world.admin.neo('admin', 'fsck', '--json');
  const differed = Number(summaryOf(counted.stdout)?.['differed'] ?? Number.NaN);
  world.counts.fscks += 1;
  if (counted.code !== 0) world.fault('fsck', counted);
  if (differed !== 0) world.faults.push(`fsck: ${counted.stdout}`);
  const { targets } = await ask(world, world.admin, (client) => client.call('fsck', {}));
  world.counts['targets counted'] += targets.length;
  world.counts.differences += differed + (await demandStore(world, targets));
  for (const { account, bytes, objects, used, quota, perObject } of usages) {
    const own = targets.filter(({ owner }) => owner === account);
    const sum = own.reduce((all, each) => ({ bytes: all.bytes + each.bytes, objects: all.objects + each.objects }), {
      ...{ bytes: 0, objects: 0 },
    });
    const isRight = sum.bytes === bytes && sum.objects === objects && used === bytes + objects * perObject;
    if (!isRight)
      world.faults.push(`usage of ${account}: ${bytes}, ${objects}, ${used}; counted ${JSON.stringify(sum)}`);
    if (account === 'ann') demandQuota(world, quota, perObject);
  }
}

function demandQuota(world: World, quota: number | null, perObject: number): void {
  if (perObject !== PER_OBJECT) world.faults.push(`ann is charged ${perObject} for each object`);
  if (world.quota !== undefined && quota !== world.quota) {
    world.faults.push(`the quota is ${quota}, and ${world.quota} was acknowledged`);
  }
}

/** Each target is a folder that holds just as much; other folders are those that the server calls unknown. */
async function demandStore({ served, faults }: World, targets: readonly Counted[]): Promise<number> {
  const sizes = await served.store.sizes(served.dataRoot);
  let differences = 0;
  for (const { owner, target, bytes, objects } of targets) {
    const at = sizes.findIndex((size) => size.bytes === bytes && size.objects === objects);
    if (at >= 0) sizes.splice(at, 1);
    // Where nothing was stored no folder is.
    else if (objects > 0) {
      differences += 1;
      faults.push(`${owner}/${target}: ${bytes} bytes in ${objects} objects are counted, and no folder holds that`);
    }
  }
  for (const { name } of sizes) {
    if (![...served.strays].some((folder) => folder.startsWith(`targets/${name}`)))
      faults.push(`the folder targets/${name} is nobody's`);
  }
  return differences;
}

/** It is whole, what was acknowledged is listed and comes back as it was, and what was refused is not there. */
async function demandRepository(world: World, machine: Machine, { saved, refused }: Ledger): Promise<void> {
  // What was read once is not to hide what is gone.
  rmSync(join(machine.env['HOME'] ?? machine.home, '.cache/neo'), { recursive: true, force: true });
  const checked = await machine.neo('check', '--read-data', ...RETRY);
  world.counts['checks of all data'] += 1;
  if (checked.code !== 0) world.faults.push(`check: ${checked.code}: ${checked.stdout} ${checked.stderr}`);
  const listed = await listSnapshots(world, machine);
  for (const name of saved.keys()) {
    if (!listed.has(name)) world.faults.push(`snapshot ${name} of ${machine.name} was saved, and is not listed`);
  }
  for (const [name, tags] of listed) {
    if (tags.some((tag) => refused.has(tag))) world.faults.push(`snapshot ${name} was refused, and is listed`);
  }
  for (const name of listed.keys()) await demandRestore(world, machine, name, saved);
}

async function listSnapshots(world: World, machine: Machine): Promise<Map<string, readonly string[]>> {
  const ended = await machine.neo('snapshots', '--json', ...RETRY);
  if (ended.code !== 0) world.fault(`snapshots of ${machine.name}`, ended);
  const lines = ended.stdout.split('\n').filter((line) => line.includes('"type":"snapshot"'));
  return new Map(
    lines.map((line) => {
      const { id, tags } = JSON.parse(line) as { id: string; tags: readonly string[] };
      return [id, tags];
    }),
  );
}

/** Also of one that nobody was told of: it is whole, or not there. */
async function demandRestore(world: World, machine: Machine, name: string, saved: Ledger['saved']): Promise<void> {
  const to = join(machine.home, 'restored');
  rmSync(to, { recursive: true, force: true });
  const known = saved.get(name);
  const what = known === undefined ? name : `${name}:${known.source}`;
  const ended = await machine.neo('restore', what, '--to', to, ...RETRY);
  if (ended.code !== 0) world.fault(`restore of ${name}`, ended);
  else if (known !== undefined && fingerprintTree(to) !== known.fingerprint) world.faults.push(`${name} differs`);
  else if (known !== undefined) world.counts['restores compared'] += 1;
  rmSync(to, { recursive: true, force: true });
}
