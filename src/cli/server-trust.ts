/** By what a server is known, and who asks there: a saved login, or a token of the surroundings. */
import { knownKeyOf, type Trust } from '../backends/neo-control.ts';
import { type NeoHost, showNeoHost } from '../backends/neo-location.ts';
import { equalBytes, fromBase64 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { Environment, Folders } from './folders.ts';
import { type Login, loginsAt, rememberKeys, savedLogins } from './logins.ts';

/** @throws NeoError usage */
export function parseFingerprint(text: string): Uint8Array {
  const found = /^(?:SHA256:)?([A-Za-z0-9+/]{43})=?$/.exec(text.trim())?.[1];
  if (found !== undefined) return fromBase64(found.replaceAll('+', '-').replaceAll('/', '_'));
  throw new NeoError('usage', 'not a fingerprint', {
    hint: 'it looks like SHA256:… and neo serve says it at its start',
  });
}

/**
 * `NEO_TOKEN`, else the login of this user there.
 * @throws NeoError permission-denied when there is none, usage when there are several
 */
export async function trustAt(host: NeoHost, folders: Folders, env: Environment): Promise<Trust> {
  const logins = await loginsAt(folders, host);
  const token = env['NEO_TOKEN'];
  if (token === undefined || token === '') {
    const login = onlyOne(host, logins);
    return { ...trustOf(login), ...learning(login, folders) };
  }
  const given = env['NEO_FINGERPRINT'];
  if (given) return { ...parseFingerprints(given), token };
  const [login] = logins;
  if (login !== undefined) return { ...keysOf(login), token, ...learning(login, folders) };
  throw new NeoError('permission-denied', `it is not known by which key ${showNeoHost(host)} can be told`, {
    hint: 'set NEO_FINGERPRINT to what neo serve says at its start',
  });
}

export function trustOf(login: Login): Trust {
  return { ...keysOf(login), device: { key: login.key, cert: login.cert } };
}

type KnownKeys = Pick<Trust, 'fingerprint' | 'others'>;

export function keysOf({ fingerprint, keys = [] }: Pick<Login, 'fingerprint' | 'keys'>): KnownKeys {
  const others = keys.filter((each) => each !== fingerprint).map(parseFingerprint);
  return { fingerprint: parseFingerprint(fingerprint), others };
}

/** Several, with spaces or commas between them, of a server that has several keys. @throws NeoError usage */
export function parseFingerprints(text: string): KnownKeys {
  const [first = '', ...others] = text.trim().split(/[\s,]+/);
  return keysOf({ fingerprint: first, keys: others });
}

/** A process asks once. */
const asked = new Set<string>();

/** The keys that the server says it has are kept with the login; that they cannot be must not spoil anything else. */
function learning(login: Login, folders: Folders): Pick<Trust, 'onKeys'> {
  if (asked.has(login.device)) return {};
  asked.add(login.device);
  return {
    async onKeys(keys) {
      if (keys.length > 0) await rememberKeys(folders, login, keys);
    },
  };
}

/**
 * The same with the one key that the server shows now, so that no other is shown meanwhile: what is bound to the server's key is for that one.
 * @throws NeoError unreachable
 */
export async function pinned({ host, port }: NeoHost, trust: Trust): Promise<Trust> {
  const { others = [], onKeys: _, ...rest } = trust;
  return others.length === 0 ? rest : { ...rest, fingerprint: await knownKeyOf(host, port, trust) };
}

export function isKnown({ fingerprint, others = [] }: KnownKeys, key: Uint8Array): boolean {
  return [fingerprint, ...others].some((each) => equalBytes(each, key));
}

function onlyOne(host: NeoHost, logins: readonly Login[]): Login {
  const [login, ...others] = logins;
  if (login === undefined) {
    throw new NeoError('permission-denied', `nobody is logged in at ${showNeoHost(host)}`, {
      hint: `neo login ${showNeoHost(host)}`,
    });
  }
  if (others.length === 0) return login;
  throw new NeoError('usage', `${logins.length} accounts are logged in at ${showNeoHost(host)}: name one`, {
    hint: `such as ${showNeoHost({ ...host, account: login.account })}`,
  });
}

/** The server that a command means when it names none. @throws NeoError permission-denied, usage */
export async function onlyServer(folders: Folders): Promise<NeoHost> {
  const logins = await savedLogins(folders);
  const [login, ...others] = logins;
  if (login === undefined) {
    throw new NeoError('permission-denied', 'nobody is logged in at a server', { hint: 'neo login neo://HOST' });
  }
  if (others.length === 0) return { host: login.host, port: login.port, account: login.account };
  const shown = logins.map(({ host, port, account }) => showNeoHost({ host, port, account }));
  throw new NeoError('usage', `there are ${logins.length} logins: name one with --server`, {
    hint: shown.join(' or '),
  });
}
