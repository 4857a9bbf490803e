/** A server that listens: its key, its certificate, HTTP around what it answers, and its end. */
import { watch } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { showFingerprint } from '../backends/neo-control.ts';
import { toHex } from '../core/bytes.ts';
import { messageOf, NeoError, systemCode } from '../core/errors.ts';
import { systemRandom } from '../core/random.ts';
import { readServerCertificate, type ServerCertificate } from '../engine/server-certificate.ts';
import type { Handler } from './handler.ts';
import { type HttpLimits, type HttpServer, LIMITS, serveHttp } from './http.ts';
import { openKeyPool, operatorsKey, type ServerKeys } from './key-pool.ts';
import type { Log } from './log.ts';
import { traceOf } from './observed.ts';
import { type MetricsOptions, type NeoServer, openServer, type ServerOptions } from './server.ts';

export interface RunOptions extends Omit<ServerOptions, 'onFault' | 'issuer' | 'metrics' | 'idle' | 'openKeys'> {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** By which clients reach it, for its own certificate; beside the names and addresses of this machine. */
  readonly names: readonly string[];
  /** The operator's, in place of its own. */
  readonly tls?: TlsFiles | undefined;
  readonly log: Log;
  readonly limits?: Partial<HttpLimits>;
  readonly metrics?: RunMetrics;
  /** Milliseconds that whoever is being answered has at the end. */
  readonly grace?: number | undefined;
}

export interface RunMetrics extends MetricsOptions {
  /** Then they are told there alone. */
  readonly listen?: { readonly host: string; readonly port: number } | undefined;
}

export interface TlsFiles {
  /** PEM; may hold the key as well. */
  readonly cert: string;
  readonly key: string;
  readonly passphrase?: string | undefined;
}

export interface RunningServer {
  readonly site: string;
  readonly port: number;
  /** Where metrics are told, when that is another one. */
  readonly metricsPort: number | undefined;
  /** What was not there before: paths. */
  readonly made: readonly string[];
  /** SHA-256 of its key. */
  readonly fingerprint: Uint8Array;
  readonly adminCode: string | undefined;
  readonly shutdownAsked: Promise<void>;
  /**
   * Whoever is being answered has some time left, and is cut off then; what was acknowledged is on the disk.
   * @param reason for the log
   */
  close(reason?: string): Promise<void>;
}

const GRACE_MS = 10_000;

/** @throws NeoError of the data folder, the certificate, or the address */
export async function runServer(options: RunOptions): Promise<RunningServer> {
  const { dataRoot, host, names, tls, log, dev = false, version } = options;
  log('started', { version, dataRoot, process: process.pid });
  if (dev) log('dev', { message: 'in development: no policy holds, such as that of second factors' });
  const missing = await missingOf(dataRoot);
  let say = log;
  const onFault = (error: unknown): void => say('fault', { error: traceOf(error) });
  const { idle } = { ...LIMITS, ...options.limits };
  const openKeys = async (): Promise<ServerKeys> =>
    tls === undefined
      ? openKeyPool({ dataRoot, names: allNames(host, names), now: Date.now })
      : operatorsKey(await readOperators(tls), Date.now());
  const server = await openServer({ ...options, issuer: names[0] ?? host, onFault, idle, openKeys });
  say = server.log;
  const listening: HttpServer[] = [];
  try {
    const { keys } = server;
    const [identity] = keys.presented();
    if (identity === undefined) throw new NeoError('failed', 'the server has no key');
    for (const place of placesOf(options, server.handler)) {
      const http = await listen(place, keys.presented(), options, onFault);
      server.metrics.watch(() => http.counts);
      listening.push(http);
    }
    keys.onChange(() => {
      for (const http of listening) http.present(...keys.presented());
    });
    const stopWatching = tls === undefined ? () => undefined : watchFiles(tls, identity, listening, say);
    const left = await missingOf(dataRoot);
    const made = missing.filter((path) => !left.includes(path));
    return running(options, server, listening, { made, fingerprint: identity.fingerprint, stopWatching });
  } catch (error) {
    await Promise.all(listening.map((http) => http.close()));
    await server.close();
    throw error;
  }
}

interface ListeningPlace {
  readonly host: string;
  readonly port: number;
  readonly handler: Handler;
}

const OF_MONITORS: ReadonlySet<string> = new Set(['hello', 'health', 'metrics']);

function placesOf({ host, port, metrics }: RunOptions, handler: Handler): ListeningPlace[] {
  const apart = metrics?.listen;
  if (apart === undefined) return [{ host, port, handler }];
  const only =
    (isMeant: (verb: string) => boolean): Handler =>
    async (caller, request) => {
      if (isMeant(request.verb)) return handler(caller, request);
      throw new NeoError('usage', 'there is no such request here');
    };
  return [
    { host, port, handler: only((verb) => verb !== 'metrics') },
    { ...apart, handler: only((verb) => OF_MONITORS.has(verb)) },
  ];
}

async function listen(
  place: ListeningPlace,
  keys: readonly ServerCertificate[],
  { limits }: RunOptions,
  onFault: (error: unknown) => void,
): Promise<HttpServer> {
  const connectionId = (): string => toHex(systemRandom.bytes(8));
  const said = limits === undefined ? {} : { limits };
  return serveHttp({ keys, ...place, ...said, connectionId, onFault }).catch((cause: unknown) => {
    throw cannotListen(place, cause);
  });
}

function cannotListen({ host, port }: ListeningPlace, cause: unknown): NeoError {
  const where = `cannot listen at ${host}:${port}`;
  switch (systemCode(cause)) {
    case 'EADDRINUSE':
      return new NeoError('failed', `${where}: another program listens there`, {
        hint: 'end it, or choose another address: --listen HOST:PORT',
        cause,
      });
    case 'EACCES':
      return new NeoError('permission-denied', `${where}: ports below 1024 are not for every user`, {
        hint: 'choose one above, or run it by systemd: neo serve install --listen HOST:PORT grants the right',
        cause,
      });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new NeoError('usage', `${where}: this machine has no such address`, { cause });
    default:
      return new NeoError('failed', `${where}: ${messageOf(cause)}`, { cause });
  }
}

interface Outcome extends Pick<RunningServer, 'made' | 'fingerprint'> {
  readonly stopWatching: () => void;
}

function running(
  { dataRoot, host, grace = GRACE_MS }: RunOptions,
  { site, adminCode, shutdownAsked, endWaiting, close, log }: NeoServer,
  listening: readonly HttpServer[],
  { made, fingerprint, stopWatching }: Outcome,
): RunningServer {
  const [port = 0, metricsPort] = listening.map((each) => each.port);
  log('listening', { host, port, metricsPort, dataRoot, site, fingerprint: showFingerprint(fingerprint) });
  return {
    ...{ site, adminCode, shutdownAsked, port, metricsPort, made, fingerprint },
    async close(reason = 'asked') {
      log('stopping', { reason, connections: listening.reduce((sum, { counts }) => sum + counts.connections, 0) });
      stopWatching();
      endWaiting();
      await Promise.all(listening.map((http) => http.close(grace)));
      await close();
      log('ended', {});
    },
  };
}

/** Of what a server makes at its first start. */
async function missingOf(dataRoot: string): Promise<string[]> {
  const paths = [dataRoot, ...['server.db', 'server.key', 'server.cert'].map((name) => join(dataRoot, name))];
  const isThere = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  return paths.filter((_, n) => isThere[n] === false);
}

/** For a machine that everybody may reach by any of its addresses. */
function allNames(host: string, names: readonly string[]): string[] {
  const addresses = Object.values(interfaces()).flatMap((each) => each ?? []);
  const own = addresses.filter(({ address }) => !address.startsWith('fe80')).map(({ address }) => address);
  const listened = host === '0.0.0.0' || host === '::' ? own : [host];
  return [...new Set([...names, 'localhost', ...listened])];
}

/** None where a sandbox does not let one ask. */
function interfaces(): ReturnType<typeof networkInterfaces> {
  try {
    return networkInterfaces();
  } catch {
    return {};
  }
}

async function readOperators({ cert, key, passphrase }: TlsFiles): Promise<ServerCertificate> {
  const read = (path: string): Promise<string> =>
    readFile(path, 'utf8').catch((cause: unknown) => {
      throw new NeoError('usage', `cannot read ${path}: ${messageOf(cause)}`, { cause });
    });
  const identity = readServerCertificate(await read(key), await read(cert), passphrase);
  if (identity.until > Date.now()) return identity;
  throw new NeoError(
    'usage',
    `the certificate ${cert} ran out on ${new Date(identity.until).toISOString().slice(0, 10)}`,
  );
}

/** Files are replaced one after the other: what fits is taken once nothing has changed for a moment. */
const SETTLE_MS = 1_000;

/** What is presented to whoever connects follows the files; those who are connected stay. A key that clients do not know is not taken. */
function watchFiles(tls: TlsFiles, first: ServerCertificate, listening: readonly HttpServer[], log: Log): () => void {
  let timer: NodeJS.Timeout | undefined;
  let presented = first.cert;
  const reload = async (): Promise<void> => {
    try {
      const identity = await readOperators(tls);
      if (identity.cert === presented) return;
      if (toHex(identity.fingerprint) !== toHex(first.fingerprint)) {
        throw new NeoError('usage', 'the new certificate is one of another key: clients would not know the server');
      }
      for (const http of listening) http.present(identity);
      presented = identity.cert;
      log('certificate', { until: new Date(identity.until).toISOString() });
    } catch (error) {
      log('certificate-refused', { error: messageOf(error) });
    }
  };
  const later = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void reload(), SETTLE_MS);
  };
  const watchers = [...new Set([dirname(tls.cert), dirname(tls.key)])].map((folder) => watch(folder, later));
  for (const watcher of watchers)
    watcher.on('error', (error) => log('certificate-refused', { error: messageOf(error) }));
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
