/** How a server runs: what the flags say, else `server.toml`, else what needs no saying. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseS3, type S3Place } from '../backends/s3-location.ts';
import { messageOf, NeoError, systemCode } from '../core/errors.ts';
import { parseDuration } from '../core/format.ts';
import { integer, z } from '../core/schema.ts';
import { type GivenSettings, readSetting, SETTINGS, type SettingName } from '../protocol/settings.ts';
import { type Address, isLoopback, parseListen } from './listen.ts';
import { s3Surroundings } from './s3-surroundings.ts';
import { readToml } from './toml.ts';

const text = z.string().check(z.minLength(1));

const schema = z.strictObject({
  listen: z.optional(text),
  names: z.optional(z.array(text)),
  'tls-cert': z.optional(text),
  'tls-key': z.optional(text),
  store: z.optional(text),
  log: z.optional(text),
  'log-level': z.optional(SETTINGS['log-level'].schema),
  'second-factor': z.optional(SETTINGS['second-factor'].schema),
  metrics: z.optional(
    z.strictObject({
      listen: z.optional(text),
      'token-file': z.optional(text),
      'snapshot-age': z.optional(SETTINGS['metrics.snapshot-age'].schema),
    }),
  ),
  removals: z.optional(
    z.strictObject({
      after: z.optional(SETTINGS['removals.after'].schema),
      most: z.optional(SETTINGS['removals.most'].schema),
    }),
  ),
  limits: z.optional(
    z.strictObject({
      connections: z.optional(integer(1, 1 << 20)),
      'of-one-address': z.optional(integer(1, 1 << 20)),
      idle: z.optional(text),
      handshake: z.optional(text),
      grace: z.optional(text),
    }),
  ),
});
type FileConfig = z.infer<typeof schema>;

export interface ServeFlags {
  readonly config?: string | undefined;
  readonly listen?: string | undefined;
  readonly name?: readonly string[] | undefined;
  readonly 'tls-cert'?: string | undefined;
  readonly 'tls-key'?: string | undefined;
  readonly store?: string | undefined;
  readonly log?: string | undefined;
  readonly 'log-level'?: string | undefined;
  readonly 'remove-after'?: string | undefined;
  readonly dev: boolean;
}

export interface ServerConfig {
  readonly listen: Address;
  readonly names: readonly string[];
  readonly tls: { readonly cert: string; readonly key: string; readonly passphrase: string | undefined } | undefined;
  /** A bucket, in place of the data folder. */
  readonly store: { readonly place: S3Place; readonly s3: ReturnType<typeof s3Surroundings> } | undefined;
  /** A path; undefined: standard error. */
  readonly log: string | undefined;
  readonly dev: boolean;
  /** Those that may change while it runs, and that are decided here. */
  readonly settings: GivenSettings;
  readonly metrics: {
    readonly listen: Address | undefined;
    readonly token: string | undefined;
  };
  readonly limits: {
    readonly connections?: number;
    readonly ofOneAddress?: number;
    readonly idle?: number;
    readonly handshake?: number;
  };
  /** Milliseconds. */
  readonly grace: number | undefined;
}

const SHORTEST_TOKEN = 16;

/** @throws NeoError usage naming the flag, or file and key */
export async function serverConfig(flags: ServeFlags, dataRoot: string, env = process.env): Promise<ServerConfig> {
  const path = flags.config === undefined ? join(dataRoot, 'server.toml') : resolve(flags.config);
  const file = await readConfigFile(path, flags.config !== undefined);
  const beside = (name: string | undefined) => (name === undefined ? undefined : resolve(dirname(path), name));
  const said = <T>(key: string, read: () => T): T => naming(`${path}: ${key}`, read);
  const listen =
    flags.listen === undefined ? said('listen', () => parseListen(file.listen)) : parseListen(flags.listen);
  if (flags.dev && !isLoopback(listen.host)) {
    throw new NeoError('usage', `--dev is for loopback alone, and ${listen.host} is not`, {
      hint: 'with --dev: --listen 127.0.0.1:PORT',
    });
  }
  const metrics = file.metrics?.listen;
  return {
    listen,
    names: flags.name ?? file.names ?? [hostname()],
    tls: tlsOf(flags, file, beside, path, env),
    store: storeOf(flags, file, path, env),
    log: flags.log === undefined ? beside(file.log) : resolve(flags.log),
    dev: flags.dev,
    settings: settingsOf(flags, file),
    metrics: {
      listen: metrics === undefined ? undefined : said('metrics.listen', () => parseListen(metrics)),
      token: await tokenIn(beside(file.metrics?.['token-file'])),
    },
    limits: limitsOf(file.limits, said),
    grace: durationOf(file.limits, 'grace', said),
  };
}

async function readConfigFile(path: string, isNamed: boolean): Promise<FileConfig> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (cause) {
    if (!isNamed && systemCode(cause) === 'ENOENT') return {};
    throw new NeoError('usage', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
  return readToml(content, path, schema, 'docs/server.md');
}

function naming<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new NeoError('usage', `${where}: ${messageOf(cause)}`, { hint: 'see docs/server.md', cause });
  }
}

function tlsOf(
  flags: ServeFlags,
  file: FileConfig,
  beside: (name: string | undefined) => string | undefined,
  path: string,
  env: NodeJS.ProcessEnv,
): ServerConfig['tls'] {
  const isFlag = flags['tls-cert'] !== undefined;
  const cert = isFlag ? resolve(flags['tls-cert'] ?? '') : beside(file['tls-cert']);
  const key = isFlag ? resolve(flags['tls-key'] ?? '') : beside(file['tls-key']);
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new NeoError('usage', `${path}: tls-cert and tls-key go together`, { hint: 'see docs/server.md' });
  }
  return { cert, key, passphrase: env['NEO_TLS_PASSPHRASE'] || undefined };
}

/** Secrets come from where Amazon's tools look for them. */
function storeOf(flags: ServeFlags, file: FileConfig, path: string, env: NodeJS.ProcessEnv): ServerConfig['store'] {
  const store = flags.store ?? file.store;
  if (store === undefined) return undefined;
  const place = naming(flags.store === undefined ? `${path}: store` : '--store', () => parseS3(store));
  return { place, s3: s3Surroundings(env) };
}

type Said = <T>(key: string, read: () => T) => T;

function settingsOf(flags: ServeFlags, file: FileConfig): GivenSettings {
  const after = flags['remove-after'];
  if (after !== undefined) naming('--remove-after', () => readSetting('removals.after', after));
  const byFlag = { 'log-level': flags['log-level'], 'removals.after': after };
  const inFile = {
    'second-factor': file['second-factor'],
    'log-level': file['log-level'],
    'metrics.snapshot-age': file.metrics?.['snapshot-age'],
    'removals.after': file.removals?.after,
    'removals.most': file.removals?.most,
  } satisfies Readonly<Record<SettingName, unknown>>;
  return { ...givenBy('file', inFile), ...givenBy('flag', byFlag) };
}

function givenBy(source: 'flag' | 'file', said: Readonly<Record<string, unknown>>): GivenSettings {
  const given = Object.entries(said).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, { value: String(value), source }]));
}

function limitsOf(limits: FileConfig['limits'], said: Said): ServerConfig['limits'] {
  const idle = durationOf(limits, 'idle', said);
  const handshake = durationOf(limits, 'handshake', said);
  return {
    ...(limits?.connections === undefined ? {} : { connections: limits.connections }),
    ...(limits?.['of-one-address'] === undefined ? {} : { ofOneAddress: limits['of-one-address'] }),
    ...(idle === undefined ? {} : { idle }),
    ...(handshake === undefined ? {} : { handshake }),
  };
}

function durationOf(limits: FileConfig['limits'], key: 'idle' | 'handshake' | 'grace', said: Said): number | undefined {
  const value = limits?.[key];
  return value === undefined ? undefined : said(`limits.${key}`, () => parseDuration(value));
}

async function tokenIn(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const token = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new NeoError('usage', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  });
  const bare = token.trim();
  if (bare.length >= SHORTEST_TOKEN && bare.length <= 200 && /^[\x21-\x7e]+$/.test(bare)) return bare;
  throw new NeoError('usage', `${path} holds no token`, {
    hint: 'one line of 16 to 200 characters without blanks, such as: openssl rand -hex 32',
  });
}
