/** A location as the user writes it → the backend that serves it. Clients of remote storage are loaded only when used. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../core/clock.ts';
import { NeoError } from '../core/errors.ts';
import { systemRandom } from '../core/random.ts';
import type { Backend } from './backend.ts';
import type { KeepOptions } from './kept-packs.ts';
import type { Trust } from './neo/connection.ts';
import { type NeoHost, type NeoPlace, parseNeo } from './neo-location.ts';
import type { RateLimits } from './rate-limit.ts';
import type { RetryOptions } from './retry.ts';
import type { S3Surroundings } from './s3/client.ts';
import { parseS3, type S3Place } from './s3-location.ts';
import { parseSftp, type SshTarget } from './sftp-location.ts';

export type Location =
  | {
      readonly kind: 'local';
      /** As written, not resolved against the current folder; `~` has no meaning here (the shell replaces it). */
      readonly path: string;
    }
  | {
      readonly kind: 'sftp';
      readonly target: SshTarget;
      /** Absolute, or from the folder in which the server lets one in. */
      readonly path: string;
    }
  | { readonly kind: 's3'; readonly place: S3Place }
  | { readonly kind: 'neo'; readonly place: NeoPlace };

/** Known names whose backends are yet to come. */
const COMING = new Set(['peer']);

/** RFC 3986 §3.1, but at least two letters: `C:\` is a drive. */
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]+):/;

/**
 * A path, or a URL. A folder whose name looks like a scheme is written `./name:rest`.
 * @throws NeoError usage when it is neither, or a kind that is not supported
 */
export function parseLocation(text: string): Location {
  if (text === '')
    throw new NeoError('usage', 'the location is empty', { hint: 'Give a folder, such as /mnt/disk/backup.' });
  if (text.includes('\0')) throw new NeoError('usage', 'the location contains a NUL character');
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return { kind: 'local', path: text };
  if (scheme === 'file') return { kind: 'local', path: pathOfUrl(text) };
  if (scheme === 'sftp') return { kind: 'sftp', ...parseSftp(text) };
  if (scheme === 's3') return { kind: 's3', place: parseS3(text) };
  if (scheme === 'neo') return { kind: 'neo', place: parseNeo(text) };
  if (COMING.has(scheme)) {
    throw new NeoError('usage', `locations of the kind ${scheme}: are not supported yet`, {
      hint: 'Use a folder on a local or mounted disk.',
    });
  }
  throw new NeoError('usage', `unknown kind of location ${scheme}:`, {
    hint: `For a folder of that name write ./${scheme}:…`,
  });
}

function pathOfUrl(text: string): string {
  // `new URL` would quietly take `file:name` for `/name`.
  if (!/^file:\//i.test(text)) {
    throw new NeoError('usage', 'a file: location needs an absolute path', {
      hint: 'Write file:///path, or the plain path.',
    });
  }
  try {
    return fileURLToPath(text);
  } catch (cause) {
    throw new NeoError('usage', 'not a file: location of this machine', {
      hint: 'Write file:///path, or the plain path.',
      cause,
    });
  }
}

export interface OpenOptions {
  /** Make the place where objects lie, if it is missing. */
  readonly create?: boolean;
  /** In place of `ssh`, taken apart by the shell. */
  readonly ssh?: string | undefined;
  /** Milliseconds for ssh to connect; by default as the user has set up. */
  readonly connectTimeout?: number;
  /** Of remote storage; without it nothing is tried again. */
  readonly retry?: Pick<RetryOptions, 'retryFor' | 'firstContact' | 'onRetry' | 'interrupted'>;
  /** Of remote storage. */
  readonly limits?: RateLimits;
  readonly s3?: S3Surroundings;
  /** Of our own server: by what it is known, and who asks. @throws NeoError when nobody is logged in there */
  readonly neo?: (host: NeoHost) => Promise<Trust>;
  /** Of remote storage: what is put there is kept here as well, until it is closed. */
  readonly keep?: KeepOptions;
  /** With `create`: make the bucket, if there is none. */
  readonly createBucket?: boolean;
  /** What the user should know of the storage. */
  readonly onNote?: (message: string) => void;
}

/** @throws NeoError as the contract says; a folder that does not exist is empty for reading */
export async function openBackend(location: Location, options: OpenOptions = {}): Promise<Backend> {
  const { create = false, ssh, connectTimeout, limits = {} } = options;
  if (location.kind === 'sftp') {
    const { openSftp } = await import('./sftp.ts');
    const means = {
      ...(ssh === undefined ? {} : { command: ssh }),
      ...(connectTimeout === undefined ? {} : { connectTimeout }),
    };
    return overNetwork(await openSftp(location.target, location.path, { create, limits, ...means }), options);
  }
  if (location.kind === 's3') {
    const { openS3 } = await import('./s3.ts');
    return overNetwork(await openS3(location.place, options), options);
  }
  if (location.kind === 'neo') return overNetwork(await openOnServer(location.place, options), options);
  const { openLocal } = await import('./local.ts');
  return openLocal(resolve(location.path), { create });
}

/** With `create` a target is made where there is none. */
async function openOnServer(place: NeoPlace, { neo, create = false, limits = {} }: OpenOptions): Promise<Backend> {
  if (neo === undefined) throw new NeoError('permission-denied', 'nobody is logged in at the server');
  const [{ openNeo }, trust] = await Promise.all([import('./neo.ts'), neo(place)]);
  if (create) {
    const { createTarget } = await import('./neo-control.ts');
    await createTarget(place, trust);
  }
  return openNeo(place, { trust, limits });
}

async function overNetwork(storage: Backend, options: OpenOptions): Promise<Backend> {
  const backend = await steadily(storage, options.retry);
  if (options.keep === undefined) return backend;
  const { keepPacks } = await import('./kept-packs.ts');
  return keepPacks(backend, options.keep);
}

/** A pause before the next attempt takes nobody's place. */
async function steadily(storage: Backend, retry: OpenOptions['retry']): Promise<Backend> {
  const [{ AdaptiveConcurrency }, { RetryBackend }, { setTimeout: later }] = await Promise.all([
    import('./concurrency.ts'),
    import('./retry.ts'),
    import('node:timers/promises'),
  ]);
  const { monotonic } = systemClock;
  const backend = new AdaptiveConcurrency(storage, { monotonic });
  if (retry === undefined) return backend;
  return new RetryBackend(backend, {
    ...retry,
    monotonic,
    random: systemRandom,
    pause: async (milliseconds, signal) => later(milliseconds, undefined, { signal }).catch(() => undefined),
  });
}

/**
 * The name of something that lies where a repository is to be made, and belongs to none; undefined for an empty place.
 * @throws NeoError as the contract says
 */
export async function strangerAt(location: Location, { ssh, s3 }: OpenOptions = {}): Promise<string | undefined> {
  if (location.kind === 'sftp') {
    const { strangerOnSftp } = await import('./sftp.ts');
    return strangerOnSftp(location.target, location.path, ssh === undefined ? {} : { command: ssh });
  }
  if (location.kind === 's3') {
    const { strangerOnS3 } = await import('./s3.ts');
    return strangerOnS3(location.place, s3);
  }
  // A target holds nothing but objects.
  if (location.kind === 'neo') return undefined;
  const [{ findStranger }, { storageError }] = await Promise.all([
    import('./local-strangers.ts'),
    import('./local-errors.ts'),
  ]);
  const folder = resolve(location.path);
  return findStranger(folder).catch((error: unknown) => {
    throw storageError(error, `look into ${folder}`);
  });
}
