/**
 * `neo://[account@]host[:port]/[owner/]target`: a target of neo's own server, and `neo://[account@]host[:port]` the server itself. Secrets have no
 * place in it.
 */
import { NeoError } from '../core/errors.ts';
import { NAME, TARGET } from '../protocol/verbs.ts';

export interface NeoHost {
  readonly host: string;
  readonly port: number;
  /** Undefined: the one that is logged in. */
  readonly account?: string;
}

export interface NeoPlace extends NeoHost {
  /** `OWNER:NAME` for what somebody else owns. */
  readonly target: string;
}

/** Nobody has registered it; neophytos listened there. */
export const DEFAULT_PORT = 4322;

const FORM = /^neo:\/\/(?:([^/@]*)@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(?::([1-9]\d{0,4}))?(\/[^?#]*)?$/i;

/** @throws NeoError usage; the location is not repeated, for people put secrets there */
export function parseNeo(text: string): NeoPlace {
  const { path, ...host } = parseParts(text);
  const target = path.replace('/', ':');
  if (path.includes(':') || !TARGET.test(target)) throw notNeo('the neo: location has no valid target');
  return { ...host, target };
}

/** A location without a target. @throws NeoError usage */
export function parseNeoHost(text: string): NeoHost {
  const { path, ...host } = parseParts(text);
  if (path === '') return host;
  throw new NeoError('usage', 'a server is meant, without a target', { hint: 'Write neo://HOST or neo://HOST:PORT.' });
}

function parseParts(text: string): NeoHost & { readonly path: string } {
  const found = FORM.exec(text);
  if (found === null) throw notNeo('not a neo: location');
  const [, account, host = '', port = String(DEFAULT_PORT), path = ''] = found;
  if (account?.includes(':') === true) throw notNeo('secrets do not belong into a neo: location');
  if (account !== undefined && !NAME.test(account)) throw notNeo('the neo: location has no valid account');
  if (Number(port) > 65_535) throw notNeo('the neo: location has no valid port');
  const place = { host: host.replace(/^\[|\]$/g, ''), port: Number(port), path: path.replace(/^\/|\/$/g, '') };
  return account === undefined ? place : { ...place, account };
}

export function showNeo({ target, ...host }: NeoPlace): string {
  return `${showNeoHost(host)}/${target.replace(':', '/')}`;
}

export function showNeoHost({ host, port, account }: NeoHost): string {
  const where = host.includes(':') ? `[${host}]` : host;
  return `neo://${account === undefined ? '' : `${account}@`}${where}:${port}`;
}

function notNeo(message: string): NeoError {
  return new NeoError('usage', message, { hint: 'Write neo://HOST/TARGET, or neo://ACCOUNT@HOST:PORT/TARGET.' });
}
