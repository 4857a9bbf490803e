/** `neo://[account@]host[:port]/target`: a target of neo's own server. Secrets have no place in it. */
import { NeoError } from '../core/errors.ts';
import { NAME } from '../protocol/verbs.ts';

export interface NeoPlace {
  readonly host: string;
  readonly port: number;
  /** Undefined: the one that is logged in. */
  readonly account?: string;
  readonly target: string;
}

/** Nobody has registered it; neophytos listened there. */
export const DEFAULT_PORT = 4322;

const FORM =
  /^neo:\/\/(?:([^/@]*)@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(?::([1-9]\d{0,4}))?\/([^/?#]*)\/?$/i;

/** @throws NeoError usage; the location is not repeated, for people put secrets there */
export function parseNeo(text: string): NeoPlace {
  const found = FORM.exec(text);
  if (found === null) throw notNeo('not a neo: location');
  const [, account, host = '', port = String(DEFAULT_PORT), target = ''] = found;
  if (account?.includes(':') === true) throw notNeo('secrets do not belong into a neo: location');
  if (account !== undefined && !NAME.test(account)) throw notNeo('the neo: location has no valid account');
  if (Number(port) > 65_535) throw notNeo('the neo: location has no valid port');
  if (!NAME.test(target)) throw notNeo('the neo: location has no valid target');
  const place = { host: host.replace(/^\[|\]$/g, ''), port: Number(port), target };
  return account === undefined ? place : { ...place, account };
}

export function showNeo({ host, port, account, target }: NeoPlace): string {
  const where = host.includes(':') ? `[${host}]` : host;
  return `neo://${account === undefined ? '' : `${account}@`}${where}:${port}/${target}`;
}

function notNeo(message: string): NeoError {
  return new NeoError('usage', message, { hint: 'Write neo://HOST/TARGET, or neo://ACCOUNT@HOST:PORT/TARGET.' });
}
