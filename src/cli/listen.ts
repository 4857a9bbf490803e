/** `--listen`: an address and a port. */
import { isIP } from 'node:net';
import { DEFAULT_PORT } from '../backends/neo-location.ts';
import { NeoError } from '../core/errors.ts';

export interface Address {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** `HOST`, `HOST:PORT`, `:PORT`, `[::1]:PORT`. @throws NeoError usage */
export function parseListen(text = ''): Address {
  const found = /^(\[[0-9a-f:.]+\]|[^[\]:]*)(?::(\d{1,5}))?$/i.exec(text);
  const [, host = '', port = String(DEFAULT_PORT)] = found ?? [];
  if (found === null || Number(port) > 65_535) {
    throw new NeoError('usage', `not an address to listen at: ${JSON.stringify(text)}`, {
      hint: 'such as 127.0.0.1:4322',
    });
  }
  const bare = host.replace(/^\[|\]$/g, '');
  return { host: bare === '' ? '0.0.0.0' : bare, port: Number(port) };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
