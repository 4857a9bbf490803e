/**
 * What of a server's configuration may change while it runs: by which names, what values it takes, and what holds where nobody has said
 * anything. `server.toml` and the wire take the same; a value is written as it stands there, without quotes.
 */
import { NeoError } from '../core/errors.ts';
import { parseDuration } from '../core/format.ts';
import { z } from '../core/schema.ts';

/** Of the log: each says more than those before it. */
export const LEVELS = ['error', 'warning', 'info', 'debug'] as const;
export type Level = (typeof LEVELS)[number];

/** 0, or as {@link parseDuration}. */
const span = z.string().check(z.refine((text) => readSpan(text) !== undefined, 'not a duration'));

/** `form`: what it takes, in words. `standard`: by default. */
export const SETTINGS = {
  'second-factor': { schema: z.enum(['optional', 'required']), form: 'optional or required', standard: 'optional' },
  'log-level': { schema: z.enum(LEVELS), form: LEVELS.join(', '), standard: 'info' },
  'metrics.snapshot-age': { schema: z.boolean(), form: 'true or false', standard: 'false' },
  // Somewhat less than what a prune waits by itself: who prunes every day is not held up.
  'removals.after': { schema: span, form: 'a duration such as 20h, or 0', standard: '20h' },
  'removals.most': {
    schema: z.number().check(z.minimum(0), z.maximum(1)),
    form: 'a part from 0 to 1',
    standard: '0.5',
  },
} as const satisfies Readonly<
  Record<string, { readonly schema: z.ZodMiniType; readonly form: string; readonly standard: string }>
>;

export type SettingName = keyof typeof SETTINGS;
export type SettingValue<N extends SettingName> = z.infer<(typeof SETTINGS)[N]['schema']>;

export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** Who decides a setting, the one who wins first. */
export const SOURCES = ['flag', 'file', 'wire', 'default'] as const;
export type Source = (typeof SOURCES)[number];

/** What was decided before the server started: over the wire it cannot be changed. */
export type GivenSettings = {
  readonly [N in SettingName]?: { readonly value: string; readonly source: 'flag' | 'file' };
};

export function isSettingName(text: string): text is SettingName {
  return Object.hasOwn(SETTINGS, text);
}

/** What a value means that was written down as text. @throws NeoError usage */
export function readSetting<N extends SettingName>(name: N, text: string): SettingValue<N> {
  const { schema, form } = SETTINGS[name];
  const parsed = schema.safeParse(scalarOf(text, schema));
  // The table says which value belongs to which name; TypeScript does not follow that through a type parameter.
  if (parsed.success) return parsed.data as SettingValue<N>;
  throw new NeoError('usage', `${name} is ${form}, and not ${JSON.stringify(text)}`, { hint: 'see docs/server.md' });
}

/** As TOML would read it: only what is to be a number or a flag is taken for one. */
function scalarOf(text: string, { type }: Pick<z.ZodMiniType, 'type'>): unknown {
  if (type === 'boolean' && /^(true|false)$/.test(text)) return text === 'true';
  if (type === 'number' && /^\d+(\.\d+)?$/.test(text)) return Number(text);
  return text;
}

/** Milliseconds of `removals.after`. @throws NeoError usage */
export function spanOf(text: SettingValue<'removals.after'>): number {
  return /^0[smhd]?$/.test(text) ? 0 : parseDuration(text);
}

function readSpan(text: string): number | undefined {
  try {
    return spanOf(text);
  } catch {
    return undefined;
  }
}
