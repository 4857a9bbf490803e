/** The text of `config.toml`, checked: mistakes are told with file and line. */
import { parse, TomlError } from 'smol-toml';
import { messageOf, NeoError } from '../core/errors.ts';
import { z } from '../core/schema.ts';
import type { Config } from './config.ts';

const schema = z.strictObject({
  repositories: z._default(
    z.record(z.string().check(z.regex(/^[\w.-]+$/, 'not a name')), z.string().check(z.minLength(1))),
    {},
  ),
});

/** @param path for messages only @throws NeoError usage */
export function parseConfig(text: string, path: string): Config {
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
