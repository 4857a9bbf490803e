/** `sftp://user@host:port/path` and `sftp:user@host:path`. Nothing of it can become an option of ssh. */
import { NeoError } from '../core/errors.ts';

export interface SshTarget {
  /** A name, an address, or what `~/.ssh/config` calls it. */
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
}

export interface SftpPlace {
  readonly target: SshTarget;
  /** Absolute, or from the folder in which the server lets one in. */
  readonly path: string;
}

/** None begins with a dash, and none holds what a shell or ssh could take for more than a name. */
const HOST = /^(?:[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?\])$/;
const USER = /^[A-Za-z0-9_][A-Za-z0-9._@\\-]*$/;
const URL_FORM = /^sftp:\/\/(?:([^/]*)@)?(\[[^\]]*\]|[^/:@]*)(?::([^/]*))?(\/.*)?$/is;
const SHORT_FORM = /^sftp:(?:([^:/]*)@)?(\[[^\]]*\]|[^/:@]*):(.*)$/is;

/**
 * In a URL the path is absolute, and below the folder in which the server lets one in after `/~/`; in the short form it is
 * what stands after the colon.
 * @throws NeoError usage; the location is not repeated, for people put passwords there
 */
export function parseSftp(text: string): SftpPlace {
  const url = URL_FORM.exec(text);
  const short = url === null ? SHORT_FORM.exec(text) : null;
  if (url !== null) return placeOf(url[1], url[2], url[3], pathOfUrl(url[4] ?? ''));
  if (short !== null) return placeOf(short[1], short[2], undefined, short[3] ?? '');
  throw notSftp('not an sftp: location');
}

function placeOf(user: string | undefined, host = '', port: string | undefined, path: string): SftpPlace {
  if (!HOST.test(host)) throw notSftp('the sftp: location has no valid host');
  if (user !== undefined && !USER.test(user)) throw notSftp('the sftp: location has no valid user', user.includes(':'));
  if (port !== undefined && !/^[1-9]\d{0,4}$/.test(port)) throw notSftp('the sftp: location has no valid port');
  const folder = path.replace(/\/+$/, '');
  if (folder === '') throw notSftp('the sftp: location has no path');
  const target = {
    host: host.replace(/^\[|\]$/g, ''),
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port: Number(port) }),
  };
  return { target, path: folder };
}

function pathOfUrl(path: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch (cause) {
    throw new NeoError('usage', 'the path of the sftp: location is wrongly encoded', { cause });
  }
  return decoded.startsWith('/~/') ? decoded.slice(3) : decoded;
}

function notSftp(message: string, hasPassword = false): NeoError {
  return new NeoError('usage', message, {
    hint: hasPassword
      ? 'passwords do not belong there: use a key and ssh-agent'
      : 'write sftp://user@host:port/path, or sftp:host:path',
  });
}
