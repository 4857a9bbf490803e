/** A server that listens: its key, its certificate, HTTP around what it answers, and its end. */
import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { dirname } from 'node:path';
import { toHex } from '../core/bytes.ts';
import { messageOf, NeoError } from '../core/errors.ts';
import { systemRandom } from '../core/random.ts';
import { readServerCertificate, type ServerCertificate } from '../engine/server-certificate.ts';
import { type HttpServer, serveHttp } from './http.ts';
import { ownIdentity } from './identity.ts';
import { type NeoServer, openServer, type ServerOptions } from './server.ts';

export interface RunOptions extends Omit<ServerOptions, 'onFault' | 'issuer'> {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** By which clients reach it, for its own certificate; beside the names and addresses of this machine. */
  readonly names: readonly string[];
  /** The operator's, in place of its own. */
  readonly tls?: TlsFiles | undefined;
  readonly log: Log;
}

export interface TlsFiles {
  /** PEM; may hold the key as well. */
  readonly cert: string;
  readonly key: string;
  readonly passphrase?: string | undefined;
}

/** One thing that happened, without secrets. */
export type Log = (event: string, detail: Readonly<Record<string, unknown>>) => void;

export interface RunningServer {
  readonly site: string;
  readonly port: number;
  /** SHA-256 of its key. */
  readonly fingerprint: Uint8Array;
  readonly adminCode: string | undefined;
  readonly shutdownAsked: Promise<void>;
  /** Whoever is being answered is cut off; what was acknowledged is on the disk. */
  close(): Promise<void>;
}

/** @throws NeoError of the data folder, the certificate, or the address */
export async function runServer(options: RunOptions): Promise<RunningServer> {
  const { dataRoot, host, port, names, tls, log } = options;
  const onFault = (error: unknown): void =>
    log('fault', { error: error instanceof Error ? error.stack : String(error) });
  const server = await openServer({ ...options, issuer: names[0] ?? host, onFault });
  try {
    const identity = await (tls === undefined
      ? ownIdentity({ folder: dataRoot, names: allNames(host, names), now: Date.now() })
      : readOperators(tls));
    const http = await serveHttp({
      key: identity.key,
      cert: identity.cert,
      host,
      port,
      handler: server.handler,
      connectionId: () => toHex(systemRandom.bytes(8)),
      onFault,
    }).catch((cause: unknown) => {
      throw new NeoError('failed', `cannot listen at ${host}:${port}: ${messageOf(cause)}`, { cause });
    });
    const stopWatching = tls === undefined ? () => undefined : watchFiles(tls, identity, http, log);
    return running(server, http, identity, stopWatching);
  } catch (error) {
    await server.close();
    throw error;
  }
}

function running(server: NeoServer, http: HttpServer, identity: ServerCertificate, stop: () => void): RunningServer {
  const { site, adminCode, shutdownAsked } = server;
  return {
    site,
    adminCode,
    shutdownAsked,
    port: http.port,
    fingerprint: identity.fingerprint,
    async close() {
      stop();
      await http.close();
      await server.close();
    },
  };
}

/** For a machine that everybody may reach by any of its addresses. */
function allNames(host: string, names: readonly string[]): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const own = addresses.filter(({ address }) => !address.startsWith('fe80')).map(({ address }) => address);
  const listened = host === '0.0.0.0' || host === '::' ? own : [host];
  return [...new Set([...names, 'localhost', ...listened])];
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
function watchFiles(tls: TlsFiles, first: ServerCertificate, http: HttpServer, log: Log): () => void {
  let timer: NodeJS.Timeout | undefined;
  let presented = first.cert;
  const reload = async (): Promise<void> => {
    try {
      const identity = await readOperators(tls);
      if (identity.cert === presented) return;
      if (toHex(identity.fingerprint) !== toHex(first.fingerprint)) {
        throw new NeoError('usage', 'the new certificate is one of another key: clients would not know the server');
      }
      http.present({ key: identity.key, cert: identity.cert });
      presented = identity.cert;
      log('certificate', { until: identity.until });
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
