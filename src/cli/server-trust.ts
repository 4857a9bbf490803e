/** By what a server is known, and who asks there: a saved login, or a token of the surroundings. */
import type { Trust } from '../backends/neo-control.ts';
import { type NeoHost, showNeoHost } from '../backends/neo-location.ts';
import { fromBase64 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { Environment, Folders } from './folders.ts';
import { type Login, loginsAt, savedLogins } from './logins.ts';

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
  if (token === undefined || token === '') return trustOf(onlyOne(host, logins));
  const given = env['NEO_FINGERPRINT'] || logins[0]?.fingerprint;
  if (given !== undefined) return { fingerprint: parseFingerprint(given), token };
  throw new NeoError('permission-denied', `it is not known by which key ${showNeoHost(host)} can be told`, {
    hint: 'set NEO_FINGERPRINT to what neo serve says at its start',
  });
}

export function trustOf({ fingerprint, key, cert }: Login): Trust {
  return { fingerprint: parseFingerprint(fingerprint), device: { key, cert } };
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
