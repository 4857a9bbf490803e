/** The text of `config.toml`, checked. */
import { z } from '../core/schema.ts';
import type { Config } from './config.ts';
import { readToml } from './toml.ts';

const schema = z.strictObject({
  repositories: z._default(
    z.record(z.string().check(z.regex(/^[\w.-]+$/, 'not a name')), z.string().check(z.minLength(1))),
    {},
  ),
});

/** @param path for messages only @throws NeoError usage */
export function parseConfig(text: string, path: string): Config {
  return readToml(text, path, schema, 'docs/configuration.md');
}
