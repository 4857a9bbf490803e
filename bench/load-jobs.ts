/** What a process can be asked to do to a server. What jobs make stays in the process for the next ones. */
import type { Backend } from '../src/backends/backend.ts';
import { openNeo } from '../src/backends/neo.ts';
import { ControlClient, type Trust } from '../src/backends/neo-control.ts';
import { inLanes, secondsOf } from './lanes.ts';
import { type LoadObject, makePack, requireSame } from './load-objects.ts';
import { startProbe, stopProbe } from './load-probe.ts';
import { askRanges, askSmall, fillPacks, getPacks, putSmall } from './load-ranges.ts';

const HOST = '127.0.0.1';

export interface Member {
  readonly trust: Trust;
  readonly target: string;
  /** Different for each: of it come its objects. */
  readonly seed: string;
}

interface Client {
  readonly backend: Backend;
  readonly objects: readonly LoadObject[];
}

let clients: readonly Client[] = [];

/** Bytes and names are made before anybody measures. */
async function prepareClients(to: { port: number; members: readonly Member[]; objects: number; size: number }) {
  clients = to.members.map(({ trust, target, seed }) => ({
    backend: openNeo({ host: HOST, port: to.port, target }, { trust }),
    objects: Array.from({ length: to.objects }, (_, n) => makePack(`${seed}-${n}`, to.size)),
  }));
}

/** All at once: each puts its own, gets them back, and finds them in the list. What failed, of each client. */
async function runClients(_: object): Promise<string[]> {
  const errors: string[] = [];
  const run = async ({ backend, objects }: Client): Promise<void> => {
    await Promise.all(objects.map(({ path, bytes }) => backend.put(path, bytes)));
    for (const object of objects) requireSame(object, await backend.get(object.path));
    const listed = new Set<string>();
    for await (const { path } of backend.list('packs')) listed.add(path);
    const missing = objects.filter(({ path }) => !listed.has(path));
    if (missing.length > 0) throw new Error(`${missing.length} objects are in no list`);
  };
  const failed = (error: unknown): unknown => errors.push(String(error));
  await Promise.all(clients.map((client) => run(client).catch(failed)));
  await Promise.all(clients.map(({ backend }) => backend.close()));
  return errors;
}

interface Idle {
  readonly client: ControlClient;
  /** As the server named the connection. */
  readonly connection: string;
}

let idle: Idle[] = [];

/** Connections whose owner the server has looked up. */
async function openIdle({ port, trust, count }: { port: number; trust: Trust; count: number }) {
  await inLanes(16, count, async () => {
    const client = new ControlClient({ host: HOST, port }, trust);
    await client.call('whoami', {});
    idle.push({ client, connection: (await client.hello()).connection });
  });
}

/** How many are still the same connection. */
async function countIdle(_: object): Promise<number> {
  let same = 0;
  await inLanes(16, idle.length, async (n) => {
    const hello = await idle[n]?.client.hello();
    if (hello?.connection === idle[n]?.connection) same += 1;
  });
  return same;
}

async function closeIdle(_: object) {
  await Promise.all(idle.map(({ client }) => client.close()));
  idle = [];
}

interface Handshakes {
  readonly port: number;
  readonly trust: Trust;
  readonly atOnce: number;
  readonly least: number;
  /** Goes on for so long, also when there were enough. */
  readonly seconds: number;
}

/** New connections with a client's certificate, each greeted once. */
async function shakeHands({ port, trust, atOnce, least, seconds }: Handshakes) {
  const from = performance.now();
  let made = 0;
  const lane = async (): Promise<void> => {
    for (let begun = 0; begun < least / atOnce || performance.now() - from < seconds * 1000; begun++) {
      const client = new ControlClient({ host: HOST, port }, trust);
      await client.hello();
      await client.close();
      made += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return { made, seconds: (performance.now() - from) / 1000 };
}

let uploads: readonly LoadObject[] = [];

async function prepareUploads({ count, size }: { count: number; size: number }) {
  uploads = Array.from({ length: count }, (_, n) => makePack(`upload-${n}`, size));
}

interface Uploads {
  readonly port: number;
  /** Of each uploader. */
  readonly trusts: readonly Trust[];
  /** In turns: nothing is sent to the same one twice. */
  readonly targets: readonly string[];
  /** No more is begun after. */
  readonly seconds: number;
}

/** Each uploader sends its object to one target after the other: at least one. */
async function upload({ port, trusts, targets, seconds }: Uploads) {
  const from = performance.now();
  let bytes = 0;
  const one = async (trust: Trust, n: number): Promise<void> => {
    const object = uploads[n];
    if (object === undefined) return;
    for (const [pass, target] of targets.entries()) {
      if (pass > 0 && performance.now() - from >= seconds * 1000) return;
      const backend = openNeo({ host: HOST, port, target }, { trust });
      await backend.put(object.path, object.bytes);
      await backend.close();
      bytes += object.bytes.length;
    }
  };
  await Promise.all(trusts.map(one));
  return { bytes, seconds: (performance.now() - from) / 1000 };
}

interface Churn {
  readonly port: number;
  readonly members: readonly Member[];
  /** Of each member. */
  readonly packs: number;
  readonly size: number;
}

/** All members at once put packs and get each back. The seconds that it took. */
async function churnPacks({ port, members, packs, size }: Churn): Promise<number> {
  return secondsOf(() =>
    Promise.all(
      members.map(async ({ trust, target, seed }) => {
        const backend = openNeo({ host: HOST, port, target }, { trust });
        for (let n = 0; n < packs; n++) {
          const pack = makePack(`${seed}-${n}`, size);
          await backend.put(pack.path, pack.bytes);
          requireSame(pack, await backend.get(pack.path));
        }
        await backend.close();
      }),
    ),
  );
}

export const JOBS = {
  prepareClients,
  runClients,
  openIdle,
  countIdle,
  closeIdle,
  shakeHands,
  prepareUploads,
  upload,
  churnPacks,
  startProbe,
  stopProbe,
  fillPacks,
  getPacks,
  putSmall,
  askRanges,
  askSmall,
} as const;

export type Job = keyof typeof JOBS;
export type Parameter<J extends Job> = Parameters<(typeof JOBS)[J]>[0];
export type Result<J extends Job> = Awaited<ReturnType<(typeof JOBS)[J]>>;
