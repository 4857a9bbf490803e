/** Which key does what; the help page and the key bar are made from the same table. */
import type { Key } from 'ink';
import type { Happening } from './state.ts';

export const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ['↑ ↓  k j', 'up and down'],
  ['PgUp PgDn  Space', 'a screen up and down'],
  ['Home End  g G', 'to the first and the last'],
  ['Enter →  l', 'open what is chosen'],
  ['Esc ←  h', 'back'],
  ['?', 'this help'],
  ['q', 'leave'],
];

export const KEY_BAR = '↑↓ choose  Enter open  Esc back  ? help  q leave';

const LETTERS: Readonly<Record<string, Happening>> = {
  k: { type: 'move', by: -1 },
  j: { type: 'move', by: 1 },
  ' ': { type: 'page', by: 1 },
  g: { type: 'first' },
  G: { type: 'last' },
  l: { type: 'open' },
  h: { type: 'back' },
  '?': { type: 'help' },
  q: { type: 'quit' },
  // With what was typed before it, where the terminal is slow.
  '\r': { type: 'open' },
};

const NAMED: readonly (readonly [name: keyof Key, happening: Happening])[] = [
  ['upArrow', { type: 'move', by: -1 }],
  ['downArrow', { type: 'move', by: 1 }],
  ['pageUp', { type: 'page', by: -1 }],
  ['pageDown', { type: 'page', by: 1 }],
  ['home', { type: 'first' }],
  ['end', { type: 'last' }],
  ['return', { type: 'open' }],
  ['rightArrow', { type: 'open' }],
  ['escape', { type: 'back' }],
  ['leftArrow', { type: 'back' }],
  ['backspace', { type: 'back' }],
];

/** What a key press means; of keys that came at once (a fast typist, a slow line) each for itself. */
export function happeningsOf(input: string, key: Key): Happening[] {
  const named = NAMED.find(([name]) => key[name] === true);
  if (named !== undefined) return [named[1]];
  if (key.ctrl || key.meta) return [];
  return [...input].flatMap((letter) => LETTERS[letter] ?? []);
}
