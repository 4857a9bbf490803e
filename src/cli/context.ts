/** From flags, environment and configuration to the repository that is meant. */
import { isAbsolute, join, resolve } from 'node:path';
import { NeoError } from '../core/errors.ts';
import type { Config } from './config.ts';
import type { RepositoryFlags } from './flags.ts';
import { defaultRepository, type Environment, type Folders } from './folders.ts';

export interface ResolvedLocation {
  /** An absolute path or a URL with a scheme. */
  readonly location: string;
  /** `default`: nobody named one, so the first snapshot may create it. */
  readonly origin: 'flag' | 'environment' | 'default';
  /** The name in the configuration, when that was given. */
  readonly name?: string;
}

/**
 * `--repo`, else NEO_REPO, else the default repository. A name of the configuration wins over a folder of that name in
 * the working directory; `./name` means the folder.
 * @throws NeoError usage for an empty location, or a configured one that depends on the working directory
 */
export function resolveLocation(
  flags: Pick<RepositoryFlags, 'repo'>,
  env: Environment,
  config: Config,
  folders: Folders,
): ResolvedLocation {
  const given = flags.repo ?? env['NEO_REPO'];
  const origin = flags.repo === undefined ? 'environment' : 'flag';
  if (given === undefined) return { location: defaultRepository(folders), origin: 'default' };
  if (given === '') {
    throw new NeoError('usage', `${origin === 'flag' ? '--repo' : 'NEO_REPO'} is empty`, { hint: 'name a location' });
  }
  const configured = Object.hasOwn(config.repositories, given) ? config.repositories[given] : undefined;
  if (configured === undefined) return { location: isUrl(given) ? given : resolve(given), origin };
  return { location: configuredLocation(given, configured, folders), origin, name: given };
}

/** `scheme://…` or `sftp:…`; a single letter is a Windows drive. */
function isUrl(location: string): boolean {
  return /^[a-z][a-z0-9+-]+:/.test(location);
}

function configuredLocation(name: string, location: string, folders: Folders): string {
  if (location.startsWith('~/')) return join(folders.home, location.slice(2));
  if (isUrl(location) || isAbsolute(location)) return location;
  throw new NeoError('usage', `repository ${name}: ${location} is neither an absolute path nor a URL`, {
    hint: `write an absolute path, ~/… or a URL in ${join(folders.config, 'config.toml')}`,
  });
}
