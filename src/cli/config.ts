/**
 * The user's configuration, `config.toml` in the configuration folder. So far it gives repositories names:
 *
 *     [repositories]
 *     disk = "/mnt/backup/neo"
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, NeoError, systemCode } from '../core/errors.ts';
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
  return parseConfig(text, path);
}

/** @param path for messages only */
export async function parseConfig(text: string, path: string): Promise<Config> {
  // Most runs have no configuration: they do not pay for loading these.
  const [{ parse, TomlError }, { z }] = await Promise.all([import('smol-toml'), import('zod')]);
  const schema = z.strictObject({
    repositories: z.record(z.string().regex(/^[\w.-]+$/, 'not a name'), z.string().min(1)).default({}),
  });
  let raw: unknown;
  try {
    raw = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const what = messageOf(error).split('\n', 1)[0]?.replace('Invalid TOML document: ', '') ?? 'not TOML';
    throw wrong(path, error.line, what, error);
  }
  const checked = schema.safeParse(raw);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  const keys = (issue?.path ?? []).map(String);
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const what = unknown === undefined ? `${keys.join('.')}: ${issue?.message ?? 'not valid'}` : `unknown key ${unknown}`;
  throw wrong(path, lineOf(text, unknown ?? keys.at(-1)), what, checked.error);
}

function wrong(path: string, line: number, what: string, cause: unknown): NeoError {
  return new NeoError('usage', `${path}:${line}: ${what}`, { hint: 'see docs/configuration.md', cause });
}

/** The first line on which the key is set or heads a table; TOML parsers keep no positions. 1 when not found. */
function lineOf(text: string, key: string | undefined): number {
  if (key === undefined) return 1;
  const name = key.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const pattern = new RegExp(`^\\s*(\\[+\\s*)?["']?${name}["']?\\s*[\\]=.]`);
  return Math.max(1, text.split('\n').findIndex((line) => pattern.test(line)) + 1);
}
