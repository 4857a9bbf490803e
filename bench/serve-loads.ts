/** Many clients of one `neo serve` at a time: what they get, and what it takes the server. A new server for each part. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openNeo } from '../src/backends/neo.ts';
import { ControlClient } from '../src/backends/neo-control.ts';
import { memoryOf } from './children.ts';
import { secondsOf } from './lanes.ts';
import type { Member } from './load-jobs.ts';
import { makePack, requireSame } from './load-objects.ts';
import { type LoadProcess, withProcesses } from './load-process.ts';
import { ServeProcess } from './serve-process.ts';
import type { Figure, Report } from './serve-report.ts';

export interface LoadPlan {
  readonly place: string;
  readonly report: Report;
  /** A part of everything, to see whether it runs. */
  readonly quick: boolean;
  /** Bytes in the repository. */
  readonly size: number | undefined;
}

type Say = (what: string, value: number, unit: string, wanted?: Figure['wanted']) => void;

const MIB = 2 ** 20;
const PACK = 16 * MIB;
const PROCESSES = 4;

/** Tells at the end whether something went wrong in the server. */
export async function withServer(
  { place, report }: LoadPlan,
  part: string,
  act: (server: ServeProcess, say: Say) => Promise<void>,
): Promise<void> {
  const folder = join(place, part);
  mkdirSync(folder, { recursive: true });
  const server = await ServeProcess.start(folder);
  const say: Say = (what, value, unit, wanted) =>
    report.figure({ part, what, value, unit, ...(wanted === undefined ? {} : { wanted }) });
  try {
    await act(server, say);
    say('faults of the server', server.faults.length, '', { most: 0 });
    for (const fault of server.faults.slice(0, 10)) process.stderr.write(`bench: ${fault}\n`);
  } finally {
    await server.stop();
  }
}

function shared<T>(list: readonly T[], processes: readonly LoadProcess[]): T[][] {
  return processes.map((_, i) => list.filter((__, n) => n % processes.length === i));
}

/** Half of them by a device of its own, half by a token. */
async function manyMembers(server: ServeProcess, count: number, targets: readonly string[]): Promise<Member[]> {
  await server.targets(targets);
  const trusts = [...(await server.devices(count / 2)), ...(await server.tokens(count / 2))];
  return trusts.map((trust, n) => ({ trust, target: targets[n % targets.length] ?? '', seed: `client-${n}` }));
}

export async function playClients(plan: LoadPlan): Promise<void> {
  const [count, objects, size] = [plan.quick ? 20 : 100, 8, MIB];
  await withServer(plan, 'clients', async (server, say) => {
    const targets = Array.from({ length: 10 }, (_, n) => `target-${n}`);
    const members = await manyMembers(server, count, targets);
    await withProcesses(PROCESSES, async (processes) => {
      const groups = shared(members, processes);
      const { port } = server;
      await Promise.all(
        processes.map((each, i) => each.do('prepareClients', { port, members: groups[i] ?? [], objects, size })),
      );
      const errors: string[] = [];
      const seconds = await secondsOf(async () => {
        errors.push(...(await Promise.all(processes.map((each) => each.do('runClients', {})))).flat());
      });
      say(`${count} clients at once, each 8 objects of 1 MiB put, got and listed`, seconds, 's');
      say('put and got together', (2 * count * objects * size) / MIB / seconds, 'MiB/s');
      say('clients that failed', errors.length, '', { most: 0 });
      for (const error of errors.slice(0, 10)) process.stderr.write(`bench: ${error}\n`);
      say('server, most memory', memoryOf(server.pid).peak / MIB, 'MiB');
    });
  });
}

/** The garbage of what was before is gone by then. */
const SETTLE_MS = 5_000;

export async function playIdle(plan: LoadPlan): Promise<void> {
  const count = plan.quick ? 100 : 1000;
  await withServer(plan, 'idle', async (server, say) => {
    const { port, pid } = server;
    await server.targets(['documents']);
    const trusts = await server.devices(PROCESSES + 1);
    await withProcesses(PROCESSES, async (processes) => {
      const open = (many: number): Promise<unknown> => {
        const job = (each: LoadProcess, i: number) => {
          const trust = trusts[i];
          return trust && each.do('openIdle', { port, trust, count: many / PROCESSES });
        };
        return Promise.all(processes.map(job));
      };
      // Code that runs for the first time takes memory of its own.
      await open(20);
      await Promise.all(processes.map((each) => each.do('closeIdle', {})));
      await sleep(SETTLE_MS);
      const before = memoryOf(pid);
      const seconds = await secondsOf(() => open(count));
      await sleep(SETTLE_MS);
      const after = memoryOf(pid);
      say(`${count} connections made and looked up`, seconds, 's');
      say('server before', before.resident / MIB, 'MiB');
      say(`server with ${count} idle connections`, after.resident / MIB, 'MiB');
      say('of each connection', (after.resident - before.resident) / 1024 / count, 'KiB');
      say('server, most memory', after.peak / MIB, 'MiB');
      await oneMore(port, trusts.at(-1), say);
      const same = await Promise.all(processes.map((each) => each.do('countIdle', {})));
      const lost = count - same.reduce((sum, each) => sum + each, 0);
      say('connections lost meanwhile', lost, '', { most: 0 });
    });
  });
}

async function oneMore(port: number, trust: Member['trust'] | undefined, say: Say): Promise<void> {
  if (trust === undefined) return;
  const client = new ControlClient({ host: '127.0.0.1', port }, trust);
  const backend = openNeo({ host: '127.0.0.1', port, target: 'documents' }, { trust });
  say('one more: connect and hello', (await secondsOf(() => client.hello())) * 1000, 'ms');
  const pack = makePack('one more', MIB);
  const both = async (): Promise<void> => {
    await backend.put(pack.path, pack.bytes);
    requireSame(pack, await backend.get(pack.path));
  };
  say('one more: connect, put and get of 1 MiB', (await secondsOf(both)) * 1000, 'ms');
  await Promise.all([client.close(), backend.close()]);
}

export async function playRanges(plan: LoadPlan): Promise<void> {
  const count = Math.max(4, Math.ceil((plan.size ?? (plan.quick ? 64 * MIB : 1024 * MIB)) / PACK));
  const part = plan.quick ? 10 : 1;
  await withServer(plan, 'ranges', async (server, say) => {
    await server.targets(['documents']);
    const [trust] = await server.devices(1);
    if (trust === undefined) return;
    const to = { port: server.port, trust, target: 'documents' };
    await withProcesses(1, async ([one]) => {
      if (one === undefined) return;
      const mib = (count * PACK) / MIB;
      const filled = await one.do('fillPacks', { ...to, count, size: PACK, atOnce: 4 });
      say(`put, ${count} packs of 16 MiB, 4 at a time`, mib / filled, 'MiB/s');
      say('get, the same', mib / (await one.do('getPacks', { ...to, atOnce: 4 })), 'MiB/s');
      const [small, few] = [2000 / part, 40_000 / part];
      const putting = await one.do('putSmall', { ...to, count: small, atOnce: 64 });
      say('objects of 1 KiB put, 64 at a time', small / putting, 'a second');
      const inOne = 4096;
      for (const atOnce of [1, 4]) {
        const asked = { ...to, requests: Math.max(4, 40 / part), inOne, length: 4096, atOnce };
        const each = (asked.requests * inOne) / (await one.do('askRanges', asked));
        say(`ranges of 4 KiB, 4,096 in a request, ${atOnce} at a time`, each, 'a second', { least: 20_000 });
      }
      const sizes = [200, 4096].map((length) => ({ ...to, count: few, length, atOnce: 1000 }));
      for (const asked of sizes) {
        const seconds = await one.do('askSmall', asked);
        say(`ranges of ${asked.length} bytes by neo's client, 1,000 at a time`, few / seconds, 'a second');
      }
      say('server, most memory', memoryOf(server.pid).peak / MIB, 'MiB');
    });
  });
}

export async function playMemory(plan: LoadPlan): Promise<void> {
  const clients = 50;
  const packs = Math.max(1, Math.ceil((plan.size ?? (plan.quick ? clients * PACK : 2048 * MIB)) / PACK / clients));
  await withServer(plan, 'memory', async (server, say) => {
    const members = await manyMembers(server, clients, ['documents']);
    await withProcesses(PROCESSES, async (processes) => {
      const groups = shared(members, processes);
      const { port } = server;
      say('server before', memoryOf(server.pid).resident / MIB, 'MiB');
      const seconds = await secondsOf(() =>
        Promise.all(
          processes.map((each, i) => each.do('churnPacks', { port, members: groups[i] ?? [], packs, size: PACK })),
        ),
      );
      const { peak, resident, anonymous } = memoryOf(server.pid);
      const gib = (clients * packs * PACK) / MIB / 1024;
      say(`${clients} clients, ${gib.toFixed(1)} GiB in packs of 16 MiB put, and each got back`, seconds, 's');
      say('put and got together', (2 * gib * 1024) / seconds, 'MiB/s');
      say('server, most memory', peak / MIB, 'MiB', { most: 256 });
      say('server, right after', resident / MIB, 'MiB');
      say('of that without mapped files', anonymous / MIB, 'MiB');
    });
    await sleep(SETTLE_MS);
    say('server, its clients gone', memoryOf(server.pid).resident / MIB, 'MiB');
  });
}
