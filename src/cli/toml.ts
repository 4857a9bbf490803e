/** A text in TOML, read and checked: mistakes are told with file and line. */
import { parse, TomlError } from 'smol-toml';
import { messageOf, NeoError } from '../core/errors.ts';
import type { z } from '../core/schema.ts';

/**
 * @param path for messages only
 * @param page where it is explained
 * @throws NeoError usage
 */
export function readToml<T extends z.ZodMiniType>(text: string, path: string, schema: T, page: string): z.infer<T> {
  let raw: unknown;
  const wrong = (line: number, what: string, cause: unknown): NeoError =>
    new NeoError('usage', `${path}:${line}: ${what}`, { hint: `see ${page}`, cause });
  try {
    raw = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const what = messageOf(error).split('\n', 1)[0]?.replace('Invalid TOML document: ', '') ?? 'not TOML';
    throw wrong(error.line, what, error);
  }
  const checked = schema.safeParse(raw);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  const keys = (issue?.path ?? []).map(String);
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const what =
    unknown === undefined
      ? `${keys.join('.')}: ${issue?.message ?? 'not valid'}`
      : `unknown key ${[...keys, unknown].join('.')}`;
  throw wrong(lineOf(text, unknown ?? keys.findLast((key) => !/^\d+$/.test(key))), what, checked.error);
}

/** The first line on which the key is set or heads a table, also in a table on one line; TOML parsers keep no positions. 1 when not found. */
function lineOf(text: string, key: string | undefined): number {
  if (key === undefined) return 1;
  const name = key.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const lines = text.split('\n');
  const find = (pattern: RegExp): number => lines.findIndex((line) => pattern.test(line));
  const at = find(new RegExp(`^\\s*(\\[+\\s*)?["']?${name}["']?\\s*[\\]=.]`));
  return Math.max(0, at === -1 ? find(new RegExp(`^[^#]*[{,.]\\s*["']?${name}["']?\\s*[=\\].]`)) : at) + 1;
}
