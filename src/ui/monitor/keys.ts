/** Which key does what; the help and the key bar are made from the same table. */
import type { Key } from 'ink';
import type { Happening } from './state.ts';

export const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ['Tab', 'the other pane'],
  ['↑ ↓  k j', 'back and forth in it'],
  ['PgUp PgDn  Space', 'a screen back and forth'],
  ['Home  g', 'to the oldest that is there'],
  ['End  G', 'to the newest, and on with what comes'],
  ['p', 'pause, and go on'],
  ['?', 'this help'],
  ['q', 'leave; the server does not notice'],
];

export const KEY_BAR = 'Tab pane  ↑↓ back  p pause  ? help  q leave';

const LETTERS: Readonly<Record<string, Happening>> = {
  k: { type: 'scroll', by: -1 },
  j: { type: 'scroll', by: 1 },
  ' ': { type: 'page', by: 1 },
  g: { type: 'first' },
  G: { type: 'last' },
  p: { type: 'pause' },
  '?': { type: 'help' },
  q: { type: 'quit' },
};

const NAMED: readonly (readonly [name: keyof Key, happening: Happening])[] = [
  ['tab', { type: 'pane' }],
  ['upArrow', { type: 'scroll', by: -1 }],
  ['downArrow', { type: 'scroll', by: 1 }],
  ['pageUp', { type: 'page', by: -1 }],
  ['pageDown', { type: 'page', by: 1 }],
  ['home', { type: 'first' }],
  ['end', { type: 'last' }],
];

/** What a key press means; of keys that came at once each for itself. */
export function happeningsOf(input: string, key: Key): Happening[] {
  const named = NAMED.find(([name]) => key[name] === true);
  if (named !== undefined) return [named[1]];
  if (key.ctrl && input === 'c') return [{ type: 'quit' }];
  if (key.ctrl || key.meta) return [];
  return [...input].flatMap((letter) => LETTERS[letter] ?? []);
}
