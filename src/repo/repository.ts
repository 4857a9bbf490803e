/** Opening a repository: the key slot, the chain of configurations, and what both must agree on. */
import pLimit from 'p-limit';
import type { Backend } from '../backends/backend.ts';
import { ByteReader, toHex } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { isNeoError, messageOf, NeoError } from '../core/errors.ts';
import { type ClientId, clientId, type ObjectName, type RepositoryId } from '../core/ids.ts';
import type { Random } from '../core/random.ts';
import type { Engine } from '../engine/engine.ts';
import { decodeCertificate } from './certificate.ts';
import { type ChainLink, type ConfigChain, type ConfigObject, followChain, type RepositoryConfig } from './config.ts';
import { readConfigs } from './config-objects.ts';
import { readHeader } from './header.ts';
import {
  type Credential,
  credentialKey,
  decodeSlot,
  openRenewal,
  openSlot,
  type SlotObject,
  slotMatches,
} from './key-slots.ts';
import { type RepositoryKeys, repositoryKeys } from './keyring.ts';
import { LARGEST } from './largest.ts';
import { READ_AT_ONCE } from './read-ahead.ts';
import type { Issuers, ObjectContext, Signer } from './signed-object.ts';
import type { SlotSecret } from './slot-secret.ts';

/** Everything from outside that the repository layer needs. */
export interface Surroundings {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly random: Random;
}

/** An opened repository: keys at hand, index not loaded. */
export interface Repository extends Surroundings, ObjectContext {
  readonly backend: Backend;
  readonly id: RepositoryId;
  readonly config: RepositoryConfig;
  readonly configName: ObjectName;
  readonly chain: ConfigChain;
  readonly keys: RepositoryKeys;
  readonly signer: Signer;
  readonly client: ClientId;
  /** The opened slot, as needed to make further slots. */
  readonly slot: SlotSecret;
  /** Why the renewal of the slot for the epoch in force cannot be used; then only older epochs are open. */
  readonly renewalFault: string | undefined;
  /** What opened it. As a credential of type `secret` it opens the slot again without a password being stretched. */
  readonly kek: Uint8Array;
}

export interface OpenOptions {
  readonly credential: Credential;
  /** Tries only the slots whose id begins so. */
  readonly keySlot?: string;
  /** A slot object that came with a key file; used when the repository's own of that id does not open. */
  readonly carriedSlot?: { readonly client: ClientId; readonly bytes: Uint8Array };
}

/** Asked only once it is clear that there is a repository; `ids`: of all that lie there, as nobody has verified yet. */
export type AskOptions = (ids: readonly RepositoryId[]) => OpenOptions | Promise<OpenOptions>;

/** The ids that whole configurations name; nobody has verified them. */
export async function repositoryIdsAt(engine: Engine, backend: Backend): Promise<RepositoryId[]> {
  return repositoryIds(await wholeConfigsAt(engine, backend));
}

/**
 * True if somebody's data lies there: a whole configuration, or anything that only a repository has. A torn
 * configuration alone is what a crashed `init` leaves, and is none.
 */
export async function isRepository(engine: Engine, backend: Backend): Promise<boolean> {
  return isUsed(backend, await wholeConfigsAt(engine, backend));
}

async function isUsed(backend: Backend, whole: readonly ConfigObject[]): Promise<boolean> {
  if (whole.length > 0) return true;
  for (const folder of ['packs', 'index', 'snapshots']) {
    for await (const _ of backend.list(folder)) return true;
  }
  return false;
}

export async function wholeConfigsAt(engine: Engine, backend: Backend): Promise<ConfigObject[]> {
  return wholeConfigs(engine, await readConfigs(backend));
}

function wholeConfigs(engine: Engine, configs: readonly ConfigObject[]): ConfigObject[] {
  return configs.filter(({ bytes, name }) => toHex(engine.blake3(bytes)) === name);
}

interface FoundSlots {
  /** Those that cannot be decoded are left out. */
  readonly slots: readonly SlotObject[];
  /** Why others cannot be: a later version made them. They stop nobody whose own slot can be read. */
  readonly newer: NeoError | undefined;
}

/**
 * The slots that a credential can open: those of number 0. Renewals are found from there, and believed by their
 * signatures: else anybody who can store an object could put one before the true slot.
 */
async function readSlots(backend: Backend): Promise<FoundSlots> {
  const found: ClientId[] = [];
  for await (const info of backend.list('keys')) {
    const match = /^keys\/([0-9a-f]{32})\/0$/.exec(info.path);
    if (match?.[1] !== undefined && info.size <= LARGEST.slot) found.push(clientId(match[1]));
  }
  const slots: SlotObject[] = [];
  let newer: NeoError | undefined;
  const limit = pLimit(READ_AT_ONCE);
  const reading = found
    .sort()
    .map(async (client) => ({ client, bytes: await limit(() => backend.get(slotPath(client))) }));
  for (const { client, bytes } of await Promise.all(reading)) {
    const slot = bytes === undefined ? undefined : tryDecode(client, bytes);
    if (slot instanceof NeoError) newer = slot;
    else if (slot !== undefined) slots.push(slot);
  }
  return { slots, newer };
}

function tryDecode(client: ClientId, bytes: Uint8Array): SlotObject | NeoError | undefined {
  try {
    return decodeSlot(client, bytes);
  } catch (error) {
    if (isNeoError(error, 'integrity')) return undefined;
    if (isNeoError(error, 'needs-newer-neo')) return error;
    throw error;
  }
}

/**
 * Without the slots that an `init` left which died before its configuration was written. Where no configuration is
 * whole, all stay: the error is then about the configuration.
 */
function ownSlots(whole: readonly ConfigObject[], slots: readonly SlotObject[]): SlotObject[] {
  const ids = new Set(whole.map(({ bytes }) => repositoryOf(bytes)));
  return slots.filter(({ repository }) => ids.size === 0 || ids.has(repository));
}

function repositoryIds(whole: readonly ConfigObject[]): RepositoryId[] {
  return [...new Set(whole.map(({ bytes }) => repositoryOf(bytes)))].filter((id) => id !== undefined);
}

/** As the header says; undefined for what is no configuration of neo. */
function repositoryOf(config: Uint8Array): RepositoryId | undefined {
  try {
    return readHeader(new ByteReader(config), 'config');
  } catch (error) {
    // A later version, too: whether that one counts is for its signature to say.
    if (isNeoError(error, 'integrity') || isNeoError(error, 'needs-newer-neo')) return undefined;
    throw error;
  }
}

interface OpenedSlot {
  readonly secret: SlotSecret;
  readonly kek: Uint8Array;
}

/**
 * Opens the first slot that the credential fits; those that cost little are tried first, and the wrong credential is
 * tried on all of them. Slots that somebody forged or damaged stand in nobody's way.
 * @throws NeoError wrong-password when it fits none; integrity when it fits one that is damaged, or all are out of bounds
 */
async function unlock(engine: Engine, slots: readonly SlotObject[], options: OpenOptions): Promise<OpenedSlot> {
  const { credential, keySlot } = options;
  const wanted = slots.filter((slot) => slot.client.startsWith(keySlot ?? ''));
  if (keySlot !== undefined && wanted.length === 0) {
    throw new NeoError('wrong-password', `there is no key slot ${keySlot}`, { hint: 'see: neo key list' });
  }
  wanted.sort((a, b) => kdfCost(a.kdf) - kdfCost(b.kdf));
  const refused: unknown[] = [];
  let damaged: unknown;
  for (const slot of wanted) {
    const kek = await credentialKey(engine, credential, slot.kdf).catch((error: unknown) => {
      refused.push(error);
    });
    if (kek === undefined || !slotMatches(engine, slot, kek)) continue;
    try {
      return { secret: openSlot(engine, slot, kek), kek };
    } catch (error) {
      damaged = error;
    }
  }
  if (damaged !== undefined) throw damaged;
  if (refused.length > 0 && refused.length === wanted.length) throw refused[0];
  throw fitsNone(credential, wanted.length, refused);
}

/** About the bytes of memory that deriving writes. */
function kdfCost(kdf: SlotObject['kdf']): number {
  if (kdf === undefined) return 0;
  return kdf.name === 'argon2id' ? kdf.memory * 1024 * kdf.passes : 128 * kdf.n * kdf.r * kdf.p;
}

function fitsNone(credential: Credential, slots: number, refused: readonly unknown[]): NeoError {
  const what = credential.type === 'password' ? 'password' : 'key';
  const passed = refused.length === 0 ? '' : ` (${refused.length} were not tried: ${messageOf(refused[0])})`;
  return new NeoError('wrong-password', `wrong ${what}: it opens none of ${slots} key slots${passed}`, {
    hint:
      what === 'password' ? 'check NEO_PASSWORD and its relatives, or use --key-file' : 'the key may have been removed',
  });
}

/** @throws NeoError no-repository, wrong-password, integrity, needs-newer-neo */
export async function openRepository(
  surroundings: Surroundings,
  backend: Backend,
  asked: OpenOptions | AskOptions,
): Promise<Repository> {
  const { engine } = surroundings;
  const [configs, found] = await Promise.all([readConfigs(backend), readSlots(backend)]);
  const whole = wholeConfigs(engine, configs);
  if (!(await isUsed(backend, whole))) {
    throw new NeoError('no-repository', `there is no repository at ${backend.location}`, {
      hint: 'check the location, or make one with: neo init',
    });
  }
  const options = typeof asked === 'function' ? await asked(repositoryIds(whole)) : asked;
  const slots = ownSlots(whole, found.slots);
  const carried = options.carriedSlot;
  // Also where the repository has one of that id: it may be damaged, or forged after the true one was removed.
  if (carried !== undefined) slots.push(decodeSlot(carried.client, carried.bytes));
  if (slots.length === 0 && found.newer !== undefined) throw found.newer;
  const opened = await unlock(engine, slots, options);
  const { secret } = opened;
  const chain = followChain(engine, configs, secret.config0, secret.config);
  const current = chain.configs.at(-1);
  if (current === undefined || !chain.configs.some(({ name }) => name === secret.config)) {
    throw new NeoError('integrity', 'the repository went back: its configuration is older than your key slot');
  }
  if (current.config.repository !== secret.repository) {
    throw new NeoError('integrity', 'the key slot belongs to another repository');
  }
  const renewed = await renew(engine, backend, secret, current);
  return assemble(surroundings, backend, { ...opened, ...renewed }, chain);
}

interface RenewedSlot {
  readonly secret: SlotSecret;
  readonly renewalFault: string | undefined;
}

/**
 * What the last rotation gave this slot. A key that was left out, or whose renewal is damaged, still opens all that was
 * made before: it may be the only one that is left.
 */
async function renew(
  engine: Engine,
  backend: Backend,
  secret: SlotSecret,
  { config: { epoch, signPublic }, name }: ChainLink,
): Promise<RenewedSlot> {
  if (decodeCertificate(secret.certificate).epoch >= epoch) return { secret, renewalFault: undefined };
  const bytes =
    (await backend.get(renewalPath(secret.client, epoch, name))) ??
    (await backend.get(earlyRenewalPath(secret.client, epoch)));
  if (bytes === undefined) return { secret, renewalFault: `it was left out when keys were rotated (epoch ${epoch})` };
  try {
    const renewed = openRenewal(engine, decodeSlot(secret.client, bytes), secret.kemSeed, signPublic);
    if (decodeCertificate(renewed.certificate).epoch !== epoch || renewed.config0 !== secret.config0) {
      throw new NeoError('integrity', 'a renewal of a key is of another epoch');
    }
    return { secret: { ...secret, ...renewed }, renewalFault: undefined };
  } catch (error) {
    if (isNeoError(error, 'integrity') || isNeoError(error, 'needs-newer-neo')) {
      return { secret, renewalFault: messageOf(error) };
    }
    throw error;
  }
}

/** Who signs in a repository, for readers who have no key of it. @throws NeoError no-repository, integrity */
export async function issuersAt(engine: Engine, backend: Backend, config0: ObjectName): Promise<Issuers> {
  const configs = await readConfigs(backend);
  if (configs.length === 0) throw new NeoError('no-repository', `there is no repository at ${backend.location}`);
  return issuersOf(followChain(engine, configs, config0));
}

function issuersOf({ configs }: ConfigChain): Issuers {
  return new Map(configs.map(({ config }) => [config.epoch, config.signPublic]));
}

/** True if there is a newer configuration that follows the one that it was opened with. */
export async function isRotatedSince({ engine, backend, slot, configName, config }: Repository): Promise<boolean> {
  for await (const { path } of backend.list('config')) {
    const epoch = Number(/^config\/([1-9]\d{0,8})-/.exec(path)?.[1] ?? 0);
    if (epoch <= config.epoch) continue;
    const chain = followChain(engine, await readConfigs(backend), slot.config0, configName);
    return (chain.configs.at(-1)?.config.epoch ?? 0) > config.epoch;
  }
  return false;
}

/**
 * Asked where something seems to be signed by nobody: it may be of an epoch that began after the repository was opened.
 * What is not understood must not be taken for what does not count.
 * @throws NeoError failed when somebody rotated keys since it was opened
 */
export async function refuseRotated(repository: Repository): Promise<void> {
  if (!(await isRotatedSince(repository))) return;
  throw new NeoError('failed', 'keys were rotated while this ran', { hint: 'run it again: nothing is wrong' });
}

function assemble(
  surroundings: Surroundings,
  backend: Backend,
  opened: OpenedSlot & RenewedSlot,
  chain: ConfigChain,
): Repository {
  const { secret, kek, renewalFault } = opened;
  const current = chain.configs.at(-1);
  if (current === undefined) throw new NeoError('integrity', 'repository without configuration');
  const certificate = decodeCertificate(secret.certificate);
  if (certificate.client !== secret.client || certificate.role !== secret.keys.role) {
    throw new NeoError('integrity', 'key slot and its certificate differ');
  }
  const keys = repositoryKeys(surroundings.engine, secret.keys);
  if (renewalFault === undefined && keys.content.epoch !== current.config.contentEpoch) {
    throw new NeoError('integrity', 'key slot and configuration differ in the content secrets in force');
  }
  return {
    ...surroundings,
    backend,
    id: secret.repository,
    repository: secret.repository,
    config: current.config,
    configName: current.name,
    chain,
    issuers: issuersOf(chain),
    keys,
    signer: { certificate, seed: secret.signSeed },
    client: secret.client,
    slot: secret,
    renewalFault,
    kek,
  };
}

/** @throws NeoError permission-denied unless the slot has role full */
export function requireFull(repository: Repository, what: string): NonNullable<RepositoryKeys['full']> {
  const { full } = repository.keys;
  if (full === undefined) {
    throw new NeoError('permission-denied', `this key may only write: it cannot ${what}`, {
      hint: 'use a key of role full',
    });
  }
  return full;
}

export function newId(random: Random): string {
  return toHex(random.bytes(16));
}

export function slotPath(client: ClientId): string {
  return `keys/${client}/0`;
}

/** Where renewals lay before each had its configuration in its name: read, and never written. */
export function earlyRenewalPath(client: ClientId, epoch: number): string {
  return `keys/${client}/${epoch}`;
}

/** Of a renewal for a configuration: two rotations at the same moment do not meet. */
export function renewalPath(client: ClientId, epoch: number, config: ObjectName): string {
  return `keys/${client}/${epoch}-${config}`;
}
