/** How remote storage is reached, as the surroundings say. */
import type { Environment } from './folders.ts';

/** `NEO_SSH` stands for `ssh`, such as `ssh -F FILE`. Never from a location: that may come from somebody else. */
export function connection(env: Environment = process.env): { readonly ssh?: string } {
  const ssh = env['NEO_SSH'];
  return ssh === undefined || ssh === '' ? {} : { ssh };
}
