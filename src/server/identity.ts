/**
 * Who a server is: a key that it makes at its first start and keeps, for clients know it by that key. Its certificate is made anew
 * when it is about to run out, or when the server is to have other names.
 */
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { storageError } from '../backends/local-errors.ts';
import { syncFolder } from '../backends/local-files.ts';
import { isNeoError, NeoError, systemCode } from '../core/errors.ts';
import {
  certificateNames,
  makeServerCertificate,
  makeServerKey,
  readServerCertificate,
  type ServerCertificate,
} from '../engine/server-certificate.ts';

export interface IdentityOptions {
  readonly folder: string;
  /** By which clients reach it: names of hosts, or addresses. */
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

const RENEWED_BEFORE = 30 * 24 * 3_600_000;

/**
 * @throws NeoError integrity when there is a key that cannot be read: another one is never made in its place, for then every client
 * would have to be told
 */
export async function ownIdentity(options: IdentityOptions): Promise<ServerCertificate> {
  try {
    return await identityIn(options);
  } catch (error) {
    throw isNeoError(error) ? error : storageError(error, `open the server's key in ${options.folder}`);
  }
}

async function identityIn({ folder, names, now }: IdentityOptions): Promise<ServerCertificate> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const keyPath = join(folder, 'server.key');
  const key = (await textOf(keyPath)) ?? (await makeKey(folder, keyPath));
  const certPath = join(folder, 'server.cert');
  const kept = await textOf(certPath);
  const certificate = certificateFor(key, kept, { path: keyPath, names, now });
  if (certificate.cert !== kept) await replace(folder, certPath, certificate.cert);
  return certificate;
}

/** The one that is kept, or a new one where that is about to run out, or does not fit. @throws NeoError integrity */
export function certificateFor(
  key: string,
  kept: string | undefined,
  { path, names, now }: Pick<IdentityOptions, 'names' | 'now'> & { readonly path: string },
): ServerCertificate {
  const there = usable(key, kept);
  const isFresh = there !== undefined && there.until - now > RENEWED_BEFORE;
  if (isFresh && there.names.join() === certificateNames(names).join()) return there;
  return makeCertificate(key, path, names, now);
}

/** Of several that start at once the first one's stays. */
async function makeKey(folder: string, path: string): Promise<string> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  await writeDurably(temporary, makeServerKey());
  try {
    await link(temporary, path);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(folder);
  const key = await textOf(path);
  if (key === undefined) throw new NeoError('failed', `${path} was removed as soon as it was made`);
  return key;
}

/** Undefined: there is none, or one of another key. */
function usable(key: string, cert: string | undefined): ServerCertificate | undefined {
  if (cert === undefined) return undefined;
  try {
    return readServerCertificate(key, cert);
  } catch (error) {
    if (isNeoError(error)) return undefined;
    throw error;
  }
}

function makeCertificate(key: string, path: string, names: readonly string[], now: number): ServerCertificate {
  try {
    return makeServerCertificate(key, names, now);
  } catch (cause) {
    throw new NeoError('integrity', `${path} is not the key of a server`, {
      hint: 'bring it back from a copy: with another key no client would know this server',
      cause,
    });
  }
}

async function replace(folder: string, path: string, text: string): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await writeDurably(temporary, text);
    await rename(temporary, path);
    await syncFolder(folder);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
}
