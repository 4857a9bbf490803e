/**
 * What a server knows beside objects, in a folder of its own, and back: who may do what, the key by which clients know it, its certificate and
 * configuration. Objects are no part of it.
 */
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { storageError } from '../backends/local-errors.ts';
import { makeFolder, syncFolder, writeDurably } from '../backends/local-files.ts';
import { equalBytes } from '../core/bytes.ts';
import { isNeoError, NeoError, systemCode } from '../core/errors.ts';
import { readServerCertificate } from '../engine/server-certificate.ts';
import { makeDataRoot } from './data-root.ts';
import { copyDatabase, discardCopy, prepareCopy, putInPlace } from './database/copies.ts';
import { lock, realPath, refuseOpenToOthers } from './database/open.ts';
import { KEY_FOLDER, keyFileNames } from './key-files.ts';
import { LEDGER_KEY } from './ledger/key.ts';

const DATABASE = 'server.db';
const KEY = 'server.key';
const CERT = 'server.cert';
const FILES = [KEY, CERT, LEDGER_KEY, 'server.toml'] as const;
/** Of the key of the server: another one's must not stay beside it. */
const OF_KEYS: readonly string[] = [KEY, CERT, LEDGER_KEY];

/**
 * Also while the server runs. The database comes last: a folder without one is none that was finished.
 * @param to must not be there yet
 * @returns names of the files
 * @throws NeoError already-exists
 */
export async function backUpServer(dataRoot: string, to: string): Promise<string[]> {
  await makeNew(to);
  try {
    const files: string[] = [];
    const copy = async (name: string): Promise<void> => {
      const bytes = await bytesOf(join(dataRoot, name));
      if (bytes === undefined) return;
      await makeFolder(dirname(join(to, name)));
      await writeDurably(join(to, name), bytes);
      await syncFolder(dirname(join(to, name)));
      files.push(name);
    };
    for (const name of FILES) await copy(name);
    // Last: one that takes the place of the first one meanwhile is there by then.
    for (const name of await keyFileNames(dataRoot)) await copy(name);
    await copyDatabase(join(dataRoot, DATABASE), join(to, DATABASE));
    await syncFolder(to);
    await syncFolder(dirname(to));
    return [DATABASE, ...files];
  } catch (error) {
    await rm(to, { recursive: true, force: true });
    throw storageError(error, `back up ${dataRoot} to ${to}`);
  }
}

async function makeNew(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (cause) {
    if (systemCode(cause) !== 'EEXIST') throw storageError(cause, `make ${folder}`);
    throw new NeoError('already-exists', `${folder} is there already`, { hint: 'choose another name', cause });
  }
}

export interface RestoreOptions {
  /** A folder that {@link backUpServer} made. */
  readonly from: string;
  readonly dataRoot: string;
  /** What is there is kept aside. */
  readonly force: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface RestoredServer {
  readonly files: readonly string[];
  /** What was there before, by its new name. */
  readonly aside: readonly string[];
}

/** @throws NeoError failed while a server uses the data folder; already-exists; integrity */
export async function restoreServer(options: RestoreOptions): Promise<RestoredServer> {
  const { from, dataRoot } = options;
  try {
    await makeDataRoot(dataRoot);
    await refuseOpenToOthers(dataRoot, '700');
    const path = await realPath(join(dataRoot, DATABASE));
    const unlock = await lock(path);
    try {
      return await restoreLocked(options, path);
    } finally {
      unlock();
    }
  } catch (error) {
    throw storageError(error, `restore ${from} into ${dataRoot}`);
  }
}

async function restoreLocked({ from, force, now }: RestoreOptions, path: string): Promise<RestoredServer> {
  const folder = dirname(path);
  const wanted = await filesIn(from);
  const stamp = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const asideOf = (name: string): string => join(folder, `${name}.before-restore-${stamp}`);
  const others = await othersThan(wanted, folder);
  if (!force && (others.length > 0 || (await bytesExist(path)))) {
    throw new NeoError('already-exists', `${folder} holds a server already`, {
      hint: 'with --force what is there is kept aside, as server.db.before-restore-…',
    });
  }
  const fresh = join(folder, `${DATABASE}.${crypto.randomUUID()}.tmp`);
  await prepareCopy(join(from, DATABASE), fresh);
  try {
    for (const name of others) await rename(join(folder, name), asideOf(name));
    for (const [name, bytes] of wanted) await putFile(folder, name, bytes);
    const wasThere = await putInPlace(fresh, path, asideOf(basename(path)));
    const aside = [...(wasThere ? [DATABASE] : []), ...others].map((name) => relative(folder, asideOf(name)));
    return { files: [DATABASE, ...wanted.keys()], aside };
  } catch (error) {
    await discardCopy(fresh);
    throw error;
  }
}

/** The files beside the database. @throws NeoError integrity when they do not fit */
async function filesIn(folder: string): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for (const name of [...FILES, ...(await keyFileNames(folder))]) {
    const bytes = await bytesOf(join(folder, name));
    if (bytes !== undefined) found.set(name, bytes);
  }
  const [key, cert] = [found.get(KEY), found.get(CERT)];
  if (key === undefined || cert === undefined) return found;
  const text = new TextDecoder();
  try {
    readServerCertificate(text.decode(key), text.decode(cert));
  } catch (cause) {
    if (!isNeoError(cause)) throw cause;
    throw new NeoError('integrity', `key and certificate in ${folder} do not fit: ${cause.message}`, { cause });
  }
  return found;
}

/** What is there with other bytes. A certificate is made anew from its key whenever that is needed. */
async function othersThan(wanted: ReadonlyMap<string, Uint8Array>, folder: string): Promise<string[]> {
  const others: string[] = [];
  for (const [name, bytes] of wanted) {
    const there = await bytesOf(join(folder, name));
    if (there !== undefined && !equalBytes(there, bytes)) others.push(name);
  }
  // Keys that this server had not, or had no more, when it was copied.
  const hasKeys = [...wanted.keys()].some((name) => OF_KEYS.includes(name) || dirname(name) === KEY_FOLDER);
  if (!hasKeys) return others;
  for (const name of [...OF_KEYS, ...(await keyFileNames(folder))]) {
    if (!wanted.has(name) && (await bytesExist(join(folder, name)))) others.push(name);
  }
  return others;
}

async function putFile(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  if (await bytesExist(join(folder, name))) return;
  await makeFolder(dirname(join(folder, name)));
  const fresh = join(folder, `${name}.${crypto.randomUUID()}.tmp`);
  await writeDurably(fresh, bytes);
  try {
    await rename(fresh, join(folder, name));
    await syncFolder(dirname(fresh));
  } finally {
    await rm(fresh, { force: true });
  }
}

async function bytesExist(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function bytesOf(path: string): Promise<Uint8Array | undefined> {
  return readFile(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
}
