/** Bob's account while the server is killed: what lets in is made and revoked, a target removed and made anew. */
import { ControlClient } from '../../src/backends/neo-control.ts';
import { parseFingerprint, trustAt } from '../../src/cli/server-trust.ts';
import { systemFolders } from '../../src/cli/surroundings.ts';
import { isNeoError, messageOf } from '../../src/core/errors.ts';
import { QUICK_KDF } from '../commands/user.ts';
import { type Ended, summaryOf } from './neo.ts';
import { snapshot, type Until } from './serve-clients.ts';
import { Machine, type Pass, RETRY, UNREACHABLE, type World } from './serve-world.ts';

/** Those that were revoked last are tried again after each start. */
const TRIED = 6;

export async function keeper(world: World, isOver: Until): Promise<void> {
  while (!isOver()) await act(world, world.keeper.random.below(12));
}

async function act(world: World, dice: number): Promise<void> {
  if (dice < 2) return makeToken(world);
  if (dice < 4) return makeDevice(world);
  if (dice < 7) return revokeAny(world);
  if (dice < 9) return changeAccounts(world);
  return world.scratch === 'there' ? removeScratch(world) : makeScratch(world);
}

/** Nobody was told that it is done; whoever asks a server that is away learns that. */
async function notDone(world: World, what: string, ended: Ended): Promise<void> {
  if (ended.code === UNREACHABLE) world.counts['not acknowledged'] += 1;
  else world.fault(what, ended);
  await new Promise((resolve) => setTimeout(resolve, 200));
}

async function makeToken(world: World): Promise<void> {
  const name = `token-${world.next()}`;
  const ended = await world.keeper.neo('account', 'token', 'create', name, '--role', 'read', '--json');
  if (ended.code !== 0) return notDone(world, 'token create', ended);
  const { id, token } = summaryOf(ended.stdout) ?? {};
  world.passes.push({ id: String(id), token: String(token), state: 'live' });
  world.counts['tokens and devices made'] += 1;
}

async function makeDevice(world: World): Promise<void> {
  const { keeper: machine, served, folder } = world;
  const invited = await machine.neo('account', 'device', 'invite', '--role', 'read', '--json');
  if (invited.code !== 0) return notDone(world, 'device invite', invited);
  const { code } = summaryOf(invited.stdout) ?? {};
  const device = new Machine(folder, `device-${world.next()}`, machine.random);
  const words = ['--code', String(code), '--fingerprint', served.fingerprint, '--device', device.name];
  const ended = await device.neo('login', served.url, ...words);
  if (ended.code !== 0) return notDone(world, 'login', ended);
  const listed = await machine.neo('account', 'device', 'list', '--json');
  if (listed.code !== 0) return notDone(world, 'device list', listed);
  const lines = listed.stdout.split('\n').filter((line) => line.includes(`"name":"${device.name}"`));
  if (lines.length !== 1) world.faults.push(`${device.name} was let in, and is listed ${lines.length} times`);
  for (const line of lines) {
    const { id } = JSON.parse(line) as { id: string };
    world.passes.push({ id, home: device.home, state: 'live' });
  }
  world.counts['tokens and devices made'] += 1;
}

async function revokeAny(world: World): Promise<void> {
  const live = world.passes.filter(({ state }) => state === 'live');
  const pass = live[world.keeper.random.below(live.length)];
  if (pass === undefined) return makeToken(world);
  pass.state = 'unknown';
  const kind = pass.token === undefined ? 'device' : 'token';
  const ended = await world.keeper.neo('account', kind, 'revoke', pass.id);
  if (ended.code !== 0) return notDone(world, `${kind} revoke`, ended);
  pass.state = 'revoked';
  world.counts['tokens and devices revoked'] += 1;
}

/** One more, or one less. */
async function changeAccounts(world: World): Promise<void> {
  const { admin, accounts, counts, keeper: machine } = world;
  const there = [...accounts].filter(([, isThere]) => isThere === true);
  const isMade = there.length < 2 || machine.random.below(2) === 0;
  const name = isMade ? `guest-${world.next()}` : (there[0]?.[0] ?? '');
  accounts.set(name, undefined);
  const words = isMade ? ['add', name] : ['remove', name, '--yes'];
  const ended = await admin.neo('admin', 'user', ...words);
  if (ended.code !== 0) return notDone(world, `admin user ${words[0]}`, ended);
  accounts.set(name, isMade);
  counts[isMade ? 'accounts made' : 'accounts removed'] += 1;
}

async function removeScratch(world: World): Promise<void> {
  world.scratch = 'unknown';
  world.scratchLedger.saved.clear();
  const ended = await world.keeper.neo('target', 'remove', 'scratch', '--yes');
  if (ended.code !== 0) return notDone(world, 'target remove', ended);
  world.scratch = 'absent';
  world.counts['targets removed'] += 1;
}

/** One of which nobody knows how far it came is removed first. */
async function makeScratch(world: World): Promise<void> {
  const { keeper: machine, scratchLedger } = world;
  if (world.scratch === 'unknown') {
    const ended = await machine.neo('target', 'remove', 'scratch', '--yes');
    // 10: it is gone.
    if (ended.code !== 0 && ended.code !== 10) return notDone(world, 'target remove', ended);
    world.scratch = 'absent';
  }
  world.scratch = 'unknown';
  const made = await machine.neo('target', 'create', 'scratch');
  if (made.code !== 0) return notDone(world, 'target create', made);
  const ended = await machine.neo('init', ...QUICK_KDF, ...RETRY);
  if (ended.code !== 0) return notDone(world, 'init', ended);
  world.scratch = 'there';
  world.counts['targets made'] += 1;
  await snapshot(world, machine, scratchLedger);
}

/** After a start: who was revoked is not let in, and who was let in and not revoked still is. */
export async function tryPasses(world: World, all: boolean): Promise<void> {
  for (const state of ['revoked', 'live'] as const) {
    const passes = world.passes.filter((pass) => pass.state === state);
    const tried = all ? passes : passes.slice(-TRIED);
    await Promise.all(tried.map((pass) => tryPass(world, pass, state)));
  }
}

async function tryPass(world: World, pass: Pass, state: Pass['state']): Promise<void> {
  const host = { host: '127.0.0.1', port: world.served.port };
  const fingerprint = parseFingerprint(world.served.fingerprint);
  const { token, home } = pass;
  const trust = token === undefined ? await trustAt(host, systemFolders({ HOME: home }), {}) : { fingerprint, token };
  const client = new ControlClient(host, trust);
  try {
    await client.call('whoami', {});
    // Meanwhile it may have been revoked.
    if (state === 'revoked') world.faults.push(`${pass.id} was revoked, and is let in again`);
  } catch (error) {
    if (!isNeoError(error, 'permission-denied')) world.faults.push(`whoami of ${pass.id}: ${messageOf(error)}`);
    else if (state === 'revoked') world.counts['revoked and kept out'] += 1;
    else if (pass.state === 'live') world.faults.push(`${pass.id} was let in, and is not any more`);
  } finally {
    await client.close();
  }
}
