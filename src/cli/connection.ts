/** How remote storage is reached, as flags and surroundings say. */
import type { OpenOptions } from '../backends/location.ts';
import type { Trust } from '../backends/neo-control.ts';
import type { NeoHost } from '../backends/neo-location.ts';
import type { Retry } from '../backends/retry.ts';
import { parseDuration } from '../core/format.ts';
import type { RepositoryFlags } from './flags.ts';
import type { Environment } from './folders.ts';
import { interruption } from './interrupt.ts';
import type { Output } from './output.ts';
import { rateLimit } from './rate-flags.ts';
import { s3Surroundings } from './s3-surroundings.ts';
import { systemFolders } from './surroundings.ts';

export type ConnectionFlags = Pick<
  RepositoryFlags,
  'ssh' | 'retry-for' | 'first-contact' | 'limit-upload' | 'limit-download' | 'debug-protocol'
>;

const RETRY_FOR_MS = 15 * 60_000;
/** A host that swallows what it is sent would otherwise take the system's two minutes; keys that want to be touched take time. */
const SHORTEST_CONNECT_MS = 10_000;
/** Many requests fail at once when a line is cut: one of them is told. */
const TOLD_EVERY_MS = 5_000;

/**
 * `--ssh`, else `NEO_SSH`: never from a location, which may come from somebody else.
 * @throws NeoError usage for a time or a limit that is none
 */
export function connection(flags: ConnectionFlags, out: Output, env: Environment = process.env): OpenOptions {
  const ssh = flags.ssh ?? env['NEO_SSH'];
  const retryFor = retryTime(flags['retry-for']);
  const contact = flags['first-contact'];
  const firstContact = contact === undefined ? {} : { firstContact: contact };
  const { 'limit-upload': upload, 'limit-download': download } = flags;
  return {
    limits: {
      ...(upload === undefined ? {} : { upload: rateLimit(upload) }),
      ...(download === undefined ? {} : { download: rateLimit(download) }),
    },
    ...(ssh === undefined || ssh === '' ? {} : { ssh }),
    ...(contact === undefined ? {} : { connectTimeout: Math.max(contact, SHORTEST_CONNECT_MS) }),
    s3: s3Surroundings(env),
    neo: async (host) => traced(await neoTrust(host, env), flags, out),
    onNote: (message) => out.note(message),
    ...(retryFor === 0
      ? {}
      : { retry: { retryFor, ...firstContact, onRetry: teller(out), interrupted: interruption } }),
  };
}

/** `--debug-protocol` */
export function traced(trust: Trust, flags: Pick<RepositoryFlags, 'debug-protocol'>, out: Output): Trust {
  return flags['debug-protocol'] === true ? { ...trust, trace: (line) => out.note(line) } : trust;
}

/** Loaded for those only who are on such a server. */
async function neoTrust(host: NeoHost, env: Environment): Promise<Trust> {
  const { trustAt } = await import('./server-trust.ts');
  return trustAt(host, systemFolders(env), env);
}

function retryTime(text: string | undefined): number {
  if (text === undefined) return RETRY_FOR_MS;
  return /^0[smhd]?$/.test(text.trim()) ? 0 : parseDuration(text);
}

function teller(out: Output): (retry: Retry) => void {
  let told = Number.NEGATIVE_INFINITY;
  return ({ message, pause }) => {
    const now = performance.now();
    if (now - told < TOLD_EVERY_MS) return;
    told = now;
    out.note(`${message}; trying again in ${Math.ceil(pause / 1000)} s`);
  };
}
