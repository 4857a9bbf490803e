/** From flags to an opened repository. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type OpenOptions as BackendOptions,
  type Location,
  openBackend,
  parseLocation,
  strangerAt,
} from '../backends/location.ts';
import { isNeoError, messageOf, NeoError } from '../core/errors.ts';
import { parseSize } from '../core/format.ts';
import type { RepositoryId } from '../core/ids.ts';
import type { Engine } from '../engine/engine.ts';
import { makeKdf, type PasswordKdf } from '../engine/kdf.ts';
import type { ClientState } from '../repo/client-state.ts';
import type { RepositoryConfig } from '../repo/config.ts';
import {
  DEFAULT_CHUNKER,
  DEFAULT_COMPRESSION,
  DEFAULT_PACK_TARGET,
  type InitOptions,
  initRepository,
} from '../repo/init.ts';
import { type KeyFile, parseKeyFile } from '../repo/key-file.ts';
import type { Credential } from '../repo/key-slots.ts';
import {
  isRepository,
  type OpenOptions,
  openRepository,
  type Repository,
  repositoryIdsAt,
  type Surroundings,
} from '../repo/repository.ts';
import { CacheFolder } from './cache-folder.ts';
import { readConfig } from './config.ts';
import { type ConnectionFlags, connection } from './connection.ts';
import { type ResolvedLocation, resolveLocation } from './context.ts';
import type { RepositoryFlags } from './flags.ts';
import type { Environment, Folders } from './folders.ts';
import { openSecret } from './identity.ts';
import type { Output } from './output.ts';
import { isPasswordGiven, type PasswordRequest, readPassword } from './password.ts';
import { StateFolder } from './state-folder.ts';
import { systemFolders, systemSurroundings } from './surroundings.ts';

export interface Opened {
  readonly repository: Repository;
  readonly state: ClientState;
  readonly location: ResolvedLocation;
  /** The slot object that came with the key file it was opened with. */
  readonly carriedSlot?: Uint8Array | undefined;
}

export interface Place {
  readonly location: ResolvedLocation;
  readonly surroundings: Surroundings;
  readonly state: ClientState;
  /** How it is reached. */
  readonly connection: BackendOptions;
}

type PlaceFlags = Pick<RepositoryFlags, 'repo' | 'accept-rollback' | 'keep-packs'> & ConnectionFlags;

/** Where the repository is, not yet looked at. @throws NeoError usage */
export async function resolvePlace(flags: PlaceFlags, out: Output): Promise<Place> {
  const folders = systemFolders();
  const location = resolveLocation(flags, process.env, await readConfig(folders), folders);
  return {
    location,
    surroundings: await systemSurroundings(),
    state: new StateFolder(folders.state, flags['accept-rollback'], openCache(folders, out)),
    connection: { ...connection(flags, out), ...(flags['keep-packs'] === true ? keepHere(folders) : {}) },
  };
}

/** What goes to one remote repository and from there to others: it need not be fetched for that. */
function keepHere({ cache }: Folders): Pick<BackendOptions, 'keep'> {
  const most = cacheLimit();
  return most === 0 ? {} : { keep: { folder: join(cache, 'packs'), most } };
}

const CACHE_BYTES = 1 << 30;

/** `NEO_CACHE`: how much of remote storage is kept on this machine; 0 for nothing. @throws NeoError usage */
function cacheLimit(): number {
  const text = process.env['NEO_CACHE'];
  return text === undefined || text === '' ? CACHE_BYTES : parseSize(text);
}

function openCache({ cache }: Folders, out: Output): CacheFolder | undefined {
  const limit = cacheLimit();
  if (limit === 0) return undefined;
  return new CacheFolder(join(cache, 'objects'), limit, (message) => out.warn(message));
}

function passwordRequest(flags: RepositoryFlags, out: Output, more: Partial<PasswordRequest> = {}): PasswordRequest {
  return { flags, env: process.env, warn: (message) => out.warn(message), ...more };
}

/** Where keys come from beside the flags. */
export interface KeySources {
  readonly env: Environment;
  /** What is asked for at a terminal; default "Password". */
  readonly prompt?: string;
}

const SYSTEM: KeySources = { env: process.env };

/** A new password, asked for twice at a terminal. */
export async function newPassword(flags: RepositoryFlags, out: Output, prompt: string): Promise<Uint8Array> {
  return readPassword(passwordRequest(flags, out, { isNew: true, prompt }));
}

async function openOptions(
  surroundings: Surroundings,
  flags: RepositoryFlags,
  out: Output,
  sources: KeySources,
): Promise<OpenOptions> {
  const keySlot = flags['key-slot'] === undefined ? {} : { keySlot: flags['key-slot'] };
  const path = keyFilePath(flags, sources.env);
  if (path === undefined) {
    const password = await readPassword(passwordRequest(flags, out, sources));
    return { credential: { type: 'password', password }, ...keySlot };
  }
  return (await keyFileOptions(surroundings, path, flags, out)).options;
}

export interface OpenedKeyFile {
  readonly file: KeyFile;
  readonly secret: Uint8Array;
  readonly options: OpenOptions;
}

/** Reads a key file, asking for its password if it has one. @throws NeoError wrong-password */
export async function keyFileOptions(
  surroundings: Surroundings,
  path: string,
  flags: RepositoryFlags,
  out: Output,
): Promise<OpenedKeyFile> {
  const file = parseKeyFile(await readKeyFile(path));
  const secret = await openSecret(file.secret, { surroundings, flags, out, env: process.env }, 'key file');
  const options: OpenOptions = {
    credential: { type: 'secret', secret },
    keySlot: file.client,
    carriedSlot: { client: file.client, bytes: file.slot },
  };
  return { file, secret, options };
}

async function readKeyFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new NeoError('wrong-password', `cannot read the key file ${path}: ${messageOf(cause)}`, { cause });
  }
}

/**
 * With the key file or the password that is given, else with what the agent holds, else with a password asked for.
 * @throws NeoError no-repository, wrong-password, usage, …
 */
export async function openFromFlags(
  flags: RepositoryFlags,
  out: Output,
  sources: KeySources = SYSTEM,
): Promise<Opened> {
  let held: OpenOptions | undefined;
  try {
    return await openWith(flags, out, async (surroundings, ids) => {
      held = await agentOptions(ids, flags, out, sources);
      return held ?? openOptions(surroundings, flags, out, sources);
    });
  } catch (error) {
    if (held === undefined || !isNeoError(error, 'wrong-password')) throw error;
    out.note('the key that the agent holds opens this repository no longer');
    return openAfresh(flags, out, sources);
  }
}

/** As {@link openFromFlags}, whatever the agent holds. */
export async function openAfresh(flags: RepositoryFlags, out: Output, sources: KeySources = SYSTEM): Promise<Opened> {
  return openWith(flags, out, (surroundings) => openOptions(surroundings, flags, out, sources));
}

async function agentOptions(
  ids: readonly RepositoryId[],
  flags: RepositoryFlags,
  out: Output,
  { env }: KeySources,
): Promise<OpenOptions | undefined> {
  if (keyFilePath(flags, env) !== undefined || isPasswordGiven(flags, env)) return undefined;
  const { heldOptions } = await import('./agent.ts');
  return heldOptions(ids, flags['key-slot'], (text) => out.note(text));
}

function keyFilePath(flags: RepositoryFlags, env: Environment = process.env): string | undefined {
  return (flags['key-file'] ?? env['NEO_KEY_FILE']) || undefined;
}

/** As {@link openFromFlags}, with a key of the caller's: asked for once it is clear that there is a repository. */
export async function openWith(
  flags: PlaceFlags,
  out: Output,
  key: (surroundings: Surroundings, ids: readonly RepositoryId[]) => OpenOptions | Promise<OpenOptions>,
): Promise<Opened> {
  const { location, surroundings, state, connection: reached } = await resolvePlace(flags, out);
  const backend = await openBackend(parseLocation(location.location), reached);
  let carriedSlot: Uint8Array | undefined;
  const repository = await openRepository(surroundings, backend, async (ids) => {
    const options = await key(surroundings, ids);
    carriedSlot = options.carriedSlot?.bytes;
    return options;
  });
  return { repository, state, location, carriedSlot };
}

/** Of the repositories that lie there, as nobody has verified; none where it cannot be reached. */
export async function idsAt({ location, surroundings, connection: reached }: Place): Promise<readonly RepositoryId[]> {
  try {
    return await repositoryIdsAt(surroundings.engine, await openBackend(parseLocation(location.location), reached));
  } catch {
    return [];
  }
}

export type InitChoices = Partial<Omit<InitOptions, 'credential' | 'method' | 'kdf'>>;

/** @throws NeoError already-exists; failed where other files lie; no-repository in a bucket that is not to be made */
async function refuseTaken(engine: Engine, place: Location, reached: BackendOptions): Promise<void> {
  const present = await openBackend(place, reached);
  const isTaken = await isRepository(engine, present).catch((error: unknown) => {
    // A bucket, or a target of a server, that is yet to be made.
    const isToBeMade = reached.createBucket === true || place.kind === 'neo';
    if (isToBeMade && isNeoError(error, 'no-repository')) return undefined;
    throw error;
  });
  if (isTaken === undefined) return;
  if (isTaken) {
    throw new NeoError('already-exists', `there is a repository at ${present.location} already`, {
      hint: 'nothing was changed; choose another place, or use this one',
    });
  }
  const stranger = await strangerAt(place, reached);
  if (stranger !== undefined) {
    throw new NeoError('failed', `${present.location} holds other files, such as ${JSON.stringify(stranger)}`, {
      hint: 'nothing was changed; name a new or an empty folder, such as one below it',
    });
  }
}

/** Makes a repository with a password. @throws NeoError already-exists; failed where other files lie */
export async function initAt(
  { location, surroundings, connection: reached }: Place,
  choices: InitChoices,
  password: () => Promise<Uint8Array>,
  derivation: PasswordKdf = { name: 'argon2id' },
): Promise<{ readonly credential: Credential; readonly config: RepositoryConfig }> {
  const { engine, clock, random } = surroundings;
  const place = parseLocation(location.location);
  await refuseTaken(engine, place, reached);
  const credential: Credential = { type: 'password', password: await password() };
  // Only now: without a password not even an empty folder is left behind.
  const backend = await openBackend(place, { create: true, ...reached });
  const kdf = await makeKdf(engine, clock, random, derivation);
  const config = await initRepository(surroundings, backend, {
    credential,
    method: 'password',
    kdf,
    label: 'first password',
    chunker: DEFAULT_CHUNKER,
    packTarget: DEFAULT_PACK_TARGET,
    compression: DEFAULT_COMPRESSION,
    blobSuite: 'aes-256-gcm',
    ...choices,
  });
  return { credential, config };
}

/** As {@link openFromFlags}; the default repository is made when it does not exist yet. */
export async function openOrCreate(flags: RepositoryFlags, out: Output): Promise<Opened> {
  const place = await resolvePlace(flags, out);
  const { location, surroundings, state } = place;
  try {
    return await openFromFlags(flags, out);
  } catch (error) {
    const named = location.origin !== 'default' || keyFilePath(flags) !== undefined;
    if (named || !isNeoError(error, 'no-repository')) throw error;
  }
  out.note(`first snapshot: making a repository at ${location.location}`);
  out.note('without its password nobody can read it, not even you: keep it safe');
  const { credential } = await initAt(place, {}, () => newPassword(flags, out, 'Password for the new repository'));
  const backend = await openBackend(parseLocation(location.location), place.connection);
  return { repository: await openRepository(surroundings, backend, { credential }), state, location };
}
