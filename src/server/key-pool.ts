/**
 * The keys of a server: its first one, and those that it was told to make. One that is new waits until clients know it, is then presented
 * beside the others, from connection to connection another one, and is retired one day: nobody is shown it again.
 */
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { storageError } from '../backends/local-errors.ts';
import { syncFolder } from '../backends/local-files.ts';
import { showFingerprint } from '../backends/neo-control.ts';
import { isNeoError, NeoError, systemCode } from '../core/errors.ts';
import { makeServerCertificate, makeServerKey, type ServerCertificate } from '../engine/server-certificate.ts';
import { type Endorsement, endorse } from '../engine/server-lineage.ts';
import { type KeyState, MOST_KEYS } from '../protocol/server-keys.ts';
import { certificateFor, ownIdentity } from './identity.ts';
import { type KeyFile, keyFileName, readKeyFiles, removeKeyFile, writeKeyFile } from './key-files.ts';

export interface ListedKey {
  readonly fingerprint: string;
  readonly state: KeyState;
  /** Milliseconds since 1970. */
  readonly created: number;
}

export interface ServerKeys {
  /** Those that are presented first; the oldest first. */
  list(): readonly ListedKey[];
  presented(): readonly ServerCertificate[];
  /** How one's fingerprint follows from the first one's. */
  lineageOf(fingerprint: Uint8Array): readonly Endorsement[];
  /** @param begin of a fingerprint. @throws NeoError not-found; usage where several begin so, or none can be changed */
  find(begin: string): ListedKey;
  /** One that is to be added; nothing is kept yet. @throws NeoError usage */
  make(): ServerCertificate;
  /** @throws NeoError usage when there are too many; of the disk */
  add(made: ServerCertificate, isPresented: boolean): Promise<ListedKey>;
  /** @throws NeoError not-found; of the disk */
  present(fingerprint: string): Promise<ListedKey>;
  /** Its private part is removed. @throws NeoError usage for the last one that is presented; not-found; of the disk */
  retire(fingerprint: string): Promise<ListedKey>;
  /** Told when other ones are presented. */
  onChange(listener: () => void): void;
}

export interface KeyPoolOptions {
  readonly dataRoot: string;
  /** By which clients reach the server. */
  readonly names: readonly string[];
  readonly now: () => number;
}

interface PoolKey {
  readonly certificate: ServerCertificate;
  readonly state: KeyState;
  readonly created: number;
  readonly lineage: readonly Endorsement[];
  /** It lies where servers have had theirs before there were several. */
  readonly isFirst: boolean;
}

/**
 * Nobody else uses the data folder.
 * @throws NeoError integrity for what is damaged, also when no key is left that is presented: another one is never made in its place
 */
export async function openKeyPool(options: KeyPoolOptions): Promise<ServerKeys> {
  try {
    return new KeyPool(options, await readKeys(options));
  } catch (error) {
    throw isNeoError(error) ? error : storageError(error, `open the server's keys in ${options.dataRoot}`);
  }
}

async function readKeys(options: KeyPoolOptions): Promise<PoolKey[]> {
  const { dataRoot, names, now } = options;
  const later: PoolKey[] = [];
  for (const file of await readKeyFiles(dataRoot)) later.push(await readLater(file, options));
  later.sort((a, b) => a.created - b.created);
  const path = join(dataRoot, 'server.key');
  if (later.length > 0 && (await timeOf(path)) === undefined) {
    if (later.some(({ state }) => state === 'presented')) return later;
    throw new NeoError('integrity', `${path} is gone, and no other key is presented`, {
      hint: 'bring it back from a copy: with another key no client would know this server',
    });
  }
  const certificate = await ownIdentity({ folder: dataRoot, names, now: now() });
  const created = Math.floor((await timeOf(path)) ?? now());
  return [{ certificate, state: 'presented', created, lineage: [], isFirst: true }, ...later];
}

async function readLater(file: KeyFile, { dataRoot, names, now }: KeyPoolOptions): Promise<PoolKey> {
  const { key, cert, ...facts } = file;
  const path = join(dataRoot, 'keys');
  const certificate = certificateFor(key, cert, { path: `a key in ${path}`, names, now: now() });
  if (certificate.cert !== cert) {
    await writeKeyFile(dataRoot, certificate.fingerprint, { ...file, cert: certificate.cert });
  }
  return { ...facts, certificate, isFirst: false };
}

async function timeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  return found?.mtimeMs;
}

/** Whoever changes something does it in a transaction of the database: there is one at a time. */
class KeyPool implements ServerKeys {
  readonly #options: KeyPoolOptions;
  #keys: readonly PoolKey[];
  /** Also of those that were retired: connections that are there stay. By fingerprint. */
  readonly #lineages = new Map<string, readonly Endorsement[]>();
  #listener: () => void = () => undefined;

  constructor(options: KeyPoolOptions, keys: readonly PoolKey[]) {
    this.#options = options;
    this.#keys = [];
    this.#set(keys);
  }

  list(): ListedKey[] {
    const all = this.#keys.map(listed);
    return [...all.filter(({ state }) => state === 'presented'), ...all.filter(({ state }) => state !== 'presented')];
  }

  presented(): ServerCertificate[] {
    return this.#keys.filter(({ state }) => state === 'presented').map(({ certificate }) => certificate);
  }

  lineageOf(fingerprint: Uint8Array): readonly Endorsement[] {
    return this.#lineages.get(showFingerprint(fingerprint)) ?? [];
  }

  find(begin: string): ListedKey {
    return listed(this.#find(begin));
  }

  make(): ServerCertificate {
    const { names, now } = this.#options;
    return makeServerCertificate(makeServerKey(), names, now());
  }

  async add(certificate: ServerCertificate, isPresented: boolean): Promise<ListedKey> {
    if (this.#keys.length >= MOST_KEYS) {
      throw new NeoError('usage', `the server has ${MOST_KEYS} keys, and can have no more`, {
        hint: 'retire one: neo admin key retire',
      });
    }
    // The oldest stands by it: its own way from the first one is the shortest.
    const [by] = this.#keys;
    const lineage = by === undefined ? [] : [...by.lineage, endorse(by.certificate.key, certificate.fingerprint)];
    const state = isPresented ? 'presented' : 'waiting';
    const key: PoolKey = { certificate, state, created: this.#options.now(), lineage, isFirst: false };
    await this.#write(key);
    this.#set([...this.#keys, key]);
    return listed(key);
  }

  async present(fingerprint: string): Promise<ListedKey> {
    const key = this.#find(fingerprint);
    if (key.state === 'presented') return listed(key);
    const changed: PoolKey = { ...key, state: 'presented' };
    await this.#write(changed);
    this.#set(this.#keys.map((each) => (each === key ? changed : each)));
    return listed(changed);
  }

  async retire(fingerprint: string): Promise<ListedKey> {
    const key = this.#find(fingerprint);
    const isLast = key.state === 'presented' && this.presented().length === 1;
    if (isLast) {
      throw new NeoError('usage', 'it is the only key that is presented', {
        hint: 'first present another one: neo admin key use',
      });
    }
    await this.#remove(key);
    this.#set(this.#keys.filter((each) => each !== key));
    return listed(key);
  }

  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  #find(begin: string): PoolKey {
    const wanted = begin.startsWith('SHA256:') ? begin : `SHA256:${begin}`;
    const [found, ...others] = this.#keys.filter((each) => listed(each).fingerprint.startsWith(wanted));
    if (found === undefined) throw new NeoError('not-found', `the server has no key ${wanted}`);
    if (others.length > 0) throw new NeoError('usage', `${others.length + 1} keys begin with ${wanted}`);
    return found;
  }

  async #write({ certificate, ...facts }: PoolKey): Promise<void> {
    const { dataRoot } = this.#options;
    const { key, cert, fingerprint } = certificate;
    try {
      await writeKeyFile(dataRoot, fingerprint, { ...facts, key, cert });
    } catch (error) {
      throw storageError(error, `write ${join(dataRoot, keyFileName(fingerprint))}`);
    }
  }

  /** The certificate is no secret: one that is left is of no use to anybody. */
  async #remove({ certificate, isFirst }: PoolKey): Promise<void> {
    const { dataRoot } = this.#options;
    try {
      if (!isFirst) return await removeKeyFile(dataRoot, certificate.fingerprint);
      await rm(join(dataRoot, 'server.key'), { force: true });
      await rm(join(dataRoot, 'server.cert'), { force: true });
      await syncFolder(dataRoot);
    } catch (error) {
      throw storageError(error, `remove a key of ${dataRoot}`);
    }
  }

  #set(keys: readonly PoolKey[]): void {
    this.#keys = keys;
    for (const { certificate, lineage } of keys) this.#lineages.set(showFingerprint(certificate.fingerprint), lineage);
    this.#listener();
  }
}

function listed({ certificate, state, created }: Pick<PoolKey, 'certificate' | 'state' | 'created'>): ListedKey {
  return { fingerprint: showFingerprint(certificate.fingerprint), state, created };
}

/** Of a server that shows its keys in ways that it does not know of. */
export const NO_KEYS: ServerKeys = unchangeable([], 'this server has no keys of its own');

/** What an operator brings in files is what is presented, and nothing else. `created`: since when. */
export function operatorsKey(certificate: ServerCertificate, created: number): ServerKeys {
  return unchangeable([{ certificate, created }], 'the key of this server is given to it in files (--tls-key)');
}

function unchangeable(all: readonly Pick<PoolKey, 'certificate' | 'created'>[], why: string): ServerKeys {
  const refuse = (): never => {
    throw new NeoError('usage', `${why}: it makes none`, {
      hint: 'exchange the files, and tell whoever uses the server',
    });
  };
  return {
    list: () => all.map(({ certificate, created }) => listed({ certificate, created, state: 'presented' })),
    presented: () => all.map(({ certificate }) => certificate),
    lineageOf: () => [],
    find: refuse,
    make: refuse,
    add: refuse,
    present: refuse,
    retire: refuse,
    onChange: () => undefined,
  };
}
