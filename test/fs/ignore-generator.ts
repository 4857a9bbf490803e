/** Patterns of the nasty kind, and paths that they nearly match, for the comparison with git. */

/** A small linear generator: the same seeds on every machine. */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = (seed * 2654435761 + 12345) >>> 0;
  }
  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  }
  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}

/** All text here is latin1: one character a byte. `é` in UTF-8 is two of them; `\xff` is no UTF-8 at all. */
export const NAMES = [
  ...'a b ab abc a.c b.c foo foobar bar A aB #x !x a\\b * [a] x-y 0 7z .h a] - ^ a? z.tar.gz'.split(' '),
  ...['a b', 'a ', 'e\u00c3\u00a9', '\u00ff\u00fe', 'a\tb', 'a\rb', 'x\r'],
];
const CLASSES = [
  ...'[a-c] [!a] [^a] []a] [!]a] [a-] [-a] [[:alpha:]] [[:digit:]x] [[:upper:][:digit:]] [[:space:]]'.split(' '),
  ...'[![:alnum:]] [[:punct:]] [[:xdigit:]-z] [\\]a] [a\\-c] [\\a-c] [a-\\c] [c-a] [[a] [[:foo:]] [[:alpha:]'.split(
    ' ',
  ),
  ...'[a [ [] [! [[: [[:] [[::]] [[:alpha]] [a/b] [!a/] [[:graph:]] [[:print:]] [[:cntrl:]] [a-c-e] [*]'.split(' '),
  ...'[[:lower:]b-] [[:blank:]] [?] [,--] [--0] [+--] [\\ [\\\\] [[-a] [a[:digit:]-z] [!-a] [^^] [!!] [^-a]'.split(' '),
  ...['[\u00c3]', '[\u0080-\u00ff]', '[[:alpha:][:foo:]]', '[ -~]', '[a-c[:digit:]]', '[A-[]', '[Z-a]'],
];
const PIECES = [...'* ? ** *** \\* \\? \\a \\! \\# \\\\ \\ *.c *a a* *o*'.split(' '), '\\ ', ' ', '\t'];
const WHOLE = [
  '',
  ' ',
  '/',
  '!',
  '//',
  '#c',
  '\\#x',
  '\\!x',
  '!/',
  '**',
  '/**',
  '**/',
  '/*',
  '*',
  '!*',
  'a//b',
  '**/**',
  '*/**/*',
];

function component(dice: Dice): string {
  const roll = dice.below(100);
  if (roll < 35) return dice.pick(NAMES);
  if (roll < 45) return dice.pick(['*', '**', '?', '??', '*.c', 'a*']);
  let text = '';
  for (let parts = 1 + dice.below(3); parts > 0; parts--) {
    const kind = dice.below(3);
    text += kind === 0 ? dice.pick(NAMES) : dice.pick(kind === 1 ? CLASSES : PIECES);
  }
  return text;
}

export function pattern(dice: Dice): string {
  const parts: string[] = [];
  for (let count = dice.pick([1, 1, 1, 2, 2, 3, 4]); count > 0; count--) parts.push(component(dice));
  let text = parts.join(dice.chance(4) ? '\\/' : '/');
  if (dice.chance(20)) text = `/${text}`;
  if (dice.chance(15)) text = `**/${text}`;
  if (dice.chance(20)) text += '/';
  if (dice.chance(8)) text += '/**';
  if (dice.chance(20)) text = `!${text}`;
  if (dice.chance(5)) text += dice.pick([' ', '  ', '\\ ', '\\  ', '/ ', '\\']);
  if (dice.chance(2)) text = dice.pick(WHOLE);
  return text.replaceAll('\n', '');
}

/**
 * Until 2.51 git took the literal beginning off a path pattern before it looked at the stars, so that in `ab**` + `/c`
 * the stars seemed to stand alone; 2.52 corrected it, and neo does as 2.52 and the manual.
 */
export function readDifferentlyByOldGit(line: string): boolean {
  return /^!?[^*?[\\]*[^*?[\\/]\*\*+(\/|\\\/|$)/.test(line.replace(/ +$/, ''));
}

export function ignoreFile(dice: Dice): string {
  const lines: string[] = [];
  for (let count = 1 + dice.below(8); count > 0; count--) {
    const line = pattern(dice);
    if (!readDifferentlyByOldGit(line)) lines.push(line);
  }
  const text = lines.join(dice.chance(10) ? '\r\n' : '\n') + dice.pick(['', '\n', '\r\n', '\r', ' ']);
  return (dice.chance(10) ? '\u00ef\u00bb\u00bf' : '') + text;
}

const BYTES = [...'abcAZz09-xX]^!.[ *?\\\t', '\u00c3', '\u00a9', '\u00ff'];

function instanceOf(dice: Dice, element: string): string {
  const some = (): string => Array.from({ length: dice.below(3) }, () => dice.pick(BYTES)).join('');
  if (dice.chance(3)) return dice.pick([...BYTES, '/', '']);
  if (element === '**/') return dice.pick(['', 'a/', 'a/b/', 'x']);
  if (element.startsWith('*')) return dice.chance(10) ? `${some()}/${some()}` : some();
  if (element === '?') return dice.pick([...BYTES, '/']);
  if (element.startsWith('[') && element.length > 1) return dice.pick([...BYTES, '/', ...element.slice(1, -1)]);
  return element.replace(/^\\/, '');
}

/** A path that the pattern matches, or nearly. '' when nothing is left of it. */
export function instance(dice: Dice, text: string): string {
  const body = text.replace(/^!/, '').replace(/^\//, '');
  const path = body.replace(/\*\*\/|\*+|\[.[^\]]*\]+|\\?./gs, (element) => instanceOf(dice, element));
  const names = `${dice.chance(15) ? 'b/' : ''}${path}${dice.chance(25) ? '/a' : ''}`.split('/');
  return names.filter((name) => !['', '.', '..'].includes(name)).join('/');
}
