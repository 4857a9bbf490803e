/**
 * The user's configuration, `config.toml` in the configuration folder. So far it gives repositories names:
 *
 *     [repositories]
 *     disk = "/mnt/backup/neo"
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../core/errors.ts';
import type { Folders } from './folders.ts';

export interface Config {
  /** Name → location as written. */
  readonly repositories: { readonly [name: string]: string };
}

export const emptyConfig: Config = { repositories: {} };

/**
 * A file that is not there is an empty configuration.
 * @throws NeoError usage naming file and line, when it is not what it should be
 */
export async function readConfig(folders: Folders): Promise<Config> {
  const path = join(folders.config, 'config.toml');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return emptyConfig;
    throw error;
  }
  // Most runs have no configuration: they do not pay for what reads one.
  const { parseConfig } = await import('./config-text.ts');
  return parseConfig(text, path);
}
