/**
 * One glob of the gitignore language, compiled. It works on bytes: text is latin1, one character a byte, so that names
 * that are not UTF-8 match too, and `?` stands for one byte as in git (wildmatch.c, flag WM_PATHNAME).
 *
 * Matching is a loop with two remembered positions (the last `*` and the last `**`), never recursive: an earlier star
 * need not be tried again once a later one was reached, because a `*` cannot leave its path component and the later
 * `**` can reach every place that it could reach from a later start. So the time is polynomial for any pattern.
 */

/** Values in the compiled program. 0 to 255 is that byte itself. */
const ANY = -1;
/** `*`: any bytes but a slash. */
const STAR = -2;
/** `**` at the end, or before an escaped slash: any bytes. */
const DEEP = -3;
/** `**` and its slash: nothing, or any bytes that end with a slash. */
const DEEP_SLASH = -4;
/** Character classes are CLASS_BASE + their number. */
const CLASS_BASE = 256;

const SLASH = 0x2f;
const NOT_FOUND = -1;

export interface Glob {
  /** The bytes that every match starts with; the whole of it when `kind` is `literal`. */
  readonly prefix: string;
  /** `suffix`: one star, then literal bytes. */
  readonly kind: 'literal' | 'suffix' | 'general';
  /** The literal bytes after the star, when `kind` is `suffix`. */
  readonly suffix: string;
  /** True when the first thing in it is a `**`, so that it can match at any depth. */
  readonly anyDepth: boolean;
  /** Does it match the whole text (latin1)? */
  matches(text: string): boolean;
}

interface Program {
  readonly codes: number[];
  readonly classes: Uint8Array[];
}

type ByteTest = (byte: number) => boolean;

const between = (byte: number, low: number, high: number): boolean => byte >= low && byte <= high;
const isLower: ByteTest = (byte) => between(byte, 0x61, 0x7a);
const isUpper: ByteTest = (byte) => between(byte, 0x41, 0x5a);
const isDigit: ByteTest = (byte) => between(byte, 0x30, 0x39);
const isAlpha: ByteTest = (byte) => isLower(byte) || isUpper(byte);
const isGraph: ByteTest = (byte) => between(byte, 0x21, 0x7e);

/** POSIX classes, ASCII only as in git (its ctype tables know no locale). */
const POSIX_CLASSES: ReadonlyMap<string, ByteTest> = new Map<string, ByteTest>([
  ['alnum', (byte) => isAlpha(byte) || isDigit(byte)],
  ['alpha', isAlpha],
  ['blank', (byte) => byte === 0x20 || byte === 0x09],
  ['cntrl', (byte) => byte < 0x20 || byte === 0x7f],
  ['digit', isDigit],
  ['graph', isGraph],
  ['lower', isLower],
  ['print', (byte) => between(byte, 0x20, 0x7e)],
  ['punct', (byte) => isGraph(byte) && !isAlpha(byte) && !isDigit(byte)],
  ['space', (byte) => byte === 0x20 || between(byte, 0x09, 0x0d)],
  ['upper', isUpper],
  ['xdigit', (byte) => isDigit(byte) || between(byte, 0x41, 0x46) || between(byte, 0x61, 0x66)],
]);

/** A character class under construction: the position in the pattern and the bytes it holds. */
class ClassParser {
  readonly #pattern: string;
  readonly #folded: boolean;
  readonly #bits = new Uint8Array(256);
  #at: number;
  /** The byte before a `-`, or 0 when none can start a range (after a range or a named class). */
  #previous = 0;

  constructor(pattern: string, at: number, folded: boolean) {
    this.#pattern = pattern;
    this.#at = at;
    this.#folded = folded;
  }

  /** The position after the closing bracket and the bytes; undefined when it is malformed and so never matches. */
  parse(): { readonly end: number; readonly bits: Uint8Array } | undefined {
    const first = this.#pattern[this.#at];
    const negated = first === '!' || first === '^';
    if (negated) this.#at++;
    // The first byte is taken as it is, even a closing bracket.
    do {
      if (!this.#element()) return undefined;
      this.#at++;
    } while (this.#pattern[this.#at] !== ']');
    if (negated) for (let byte = 0; byte < 256; byte++) this.#bits[byte] = this.#bits[byte] === 0 ? 1 : 0;
    this.#bits[SLASH] = 0;
    return { end: this.#at + 1, bits: this.#bits };
  }

  /** Reads one element and stops on its last byte. False at the end of the pattern. */
  #element(): boolean {
    const char = this.#pattern[this.#at];
    if (char === undefined) return false;
    if (char === '\\') return this.#single(this.#at + 1);
    const next = this.#pattern[this.#at + 1];
    if (char === '-' && this.#previous !== 0 && next !== undefined && next !== ']') return this.#range();
    if (char === '[' && next === ':') return this.#named();
    return this.#single(this.#at);
  }

  #single(at: number): boolean {
    this.#at = at;
    if (at >= this.#pattern.length) return false;
    const byte = this.#pattern.charCodeAt(at);
    this.#bits[byte] = 1;
    this.#previous = byte;
    return true;
  }

  #range(): boolean {
    this.#at++;
    if (this.#pattern[this.#at] === '\\') this.#at++;
    if (this.#at >= this.#pattern.length) return false;
    const high = this.#pattern.charCodeAt(this.#at);
    for (let byte = this.#previous; byte <= high; byte++) this.#bits[byte] = 1;
    this.#previous = 0;
    return true;
  }

  #named(): boolean {
    const start = this.#at + 2;
    const close = this.#pattern.indexOf(']', start);
    if (close === NOT_FOUND) return false;
    if (close === start || this.#pattern[close - 1] !== ':') return this.#single(this.#at);
    const name = this.#pattern.slice(start, close - 1);
    const test = POSIX_CLASSES.get(this.#folded && name === 'upper' ? 'lower' : name);
    if (test === undefined) return false;
    for (let byte = 0; byte < 256; byte++) if (test(byte)) this.#bits[byte] = 1;
    this.#at = close;
    this.#previous = 0;
    return true;
  }
}

/** Reads a run of stars; returns the position after it (and after the slash that belongs to a `**` + slash). */
function compileStars(pattern: string, start: number, codes: number[]): number {
  let at = start;
  while (pattern[at] === '*') at++;
  const opensComponent = start === 0 || pattern[start - 1] === '/';
  const closes = at === pattern.length || pattern[at] === '/' || (pattern[at] === '\\' && pattern[at + 1] === '/');
  if (at - start < 2 || !opensComponent || !closes) codes.push(STAR);
  else if (pattern[at] === '/') {
    codes.push(DEEP_SLASH);
    at++;
  } else codes.push(DEEP);
  return at;
}

/** Reads one element of the pattern; returns the position after it, or undefined when it is malformed. */
function compileElement(pattern: string, at: number, folded: boolean, program: Program): number | undefined {
  const char = pattern[at];
  if (char === '*') return compileStars(pattern, at, program.codes);
  if (char === '[') {
    const parsed = new ClassParser(pattern, at + 1, folded).parse();
    if (parsed === undefined) return undefined;
    program.codes.push(CLASS_BASE + program.classes.length);
    program.classes.push(parsed.bits);
    return parsed.end;
  }
  if (char === '?') program.codes.push(ANY);
  else {
    const literal = char === '\\' ? at + 1 : at;
    // A backslash at the end escapes nothing: git lets such a pattern match nothing.
    if (literal === pattern.length) return undefined;
    program.codes.push(pattern.charCodeAt(literal));
    return literal + 1;
  }
  return at + 1;
}

function compileProgram(pattern: string, folded: boolean): Program | undefined {
  const program: Program = { codes: [], classes: [] };
  let at: number | undefined = 0;
  while (at !== undefined && at < pattern.length) at = compileElement(pattern, at, folded, program);
  return at === undefined ? undefined : program;
}

const isLiteral = (code: number): boolean => code >= 0 && code < CLASS_BASE;
const textOf = (codes: readonly number[]): string => codes.map((code) => String.fromCharCode(code)).join('');

class CompiledGlob implements Glob {
  readonly prefix: string;
  readonly kind: Glob['kind'];
  readonly suffix: string;
  readonly anyDepth: boolean;
  readonly #codes: Int32Array;
  readonly #classes: readonly Uint8Array[];

  constructor({ codes, classes }: Program) {
    const firstSpecial = codes.findIndex((code) => !isLiteral(code));
    this.prefix = textOf(firstSpecial === NOT_FOUND ? codes : codes.slice(0, firstSpecial));
    const endsLiteral = codes[0] === STAR && codes.slice(1).every(isLiteral);
    if (firstSpecial === NOT_FOUND) this.kind = 'literal';
    else this.kind = endsLiteral ? 'suffix' : 'general';
    this.suffix = endsLiteral ? textOf(codes.slice(1)) : '';
    this.anyDepth = codes[0] === DEEP || codes[0] === DEEP_SLASH;
    this.#codes = Int32Array.from(codes);
    this.#classes = classes;
  }

  matches(text: string): boolean {
    if (!text.startsWith(this.prefix)) return false;
    return new Attempt(this.#codes, this.#classes, text, this.prefix.length).run();
  }
}

/** One comparison of a program with a text, from a position up to which they are known to agree. */
class Attempt {
  readonly #codes: Int32Array;
  readonly #classes: readonly Uint8Array[];
  readonly #text: string;
  #code: number;
  #at: number;
  /** The program after the last `*`, and how far that star reached in the text. */
  #star = NOT_FOUND;
  #starAt = 0;
  /** The same for the last `**`. */
  #deep = NOT_FOUND;
  #deepAt = 0;

  constructor(codes: Int32Array, classes: readonly Uint8Array[], text: string, from: number) {
    this.#codes = codes;
    this.#classes = classes;
    this.#text = text;
    this.#code = from;
    this.#at = from;
  }

  run(): boolean {
    while (!this.#done()) if (!(this.#step() || this.#retry())) return false;
    return true;
  }

  #done(): boolean {
    const left = this.#codes.length - this.#code;
    return left === 0 ? this.#at === this.#text.length : left === 1 && this.#codes[this.#code] === DEEP;
  }

  /** Takes one element of the program; false when the text does not agree, or goes on behind the program. */
  #step(): boolean {
    const op = this.#codes[this.#code];
    if (op === undefined) return false;
    if (op < ANY) this.#remember(op);
    else {
      if (!this.#accepts(op)) return false;
      this.#code++;
      this.#at++;
    }
    return true;
  }

  #remember(op: number): void {
    this.#code++;
    if (op === STAR) {
      this.#star = this.#code;
      this.#starAt = this.#at;
    } else {
      this.#star = NOT_FOUND;
      this.#deep = this.#code;
      this.#deepAt = this.#at;
    }
  }

  #accepts(op: number): boolean {
    if (this.#at >= this.#text.length) return false;
    const byte = this.#text.charCodeAt(this.#at);
    if (op < CLASS_BASE) return op === byte || (op === ANY && byte !== SLASH);
    return this.#classes[op - CLASS_BASE]?.[byte] === 1;
  }

  /** After a mismatch: lets the last star take one byte more, or the last `**` one name more. */
  #retry(): boolean {
    const text = this.#text;
    if (this.#star !== NOT_FOUND && this.#starAt < text.length && text.charCodeAt(this.#starAt) !== SLASH) {
      this.#code = this.#star;
      this.#starAt++;
      this.#at = this.#starAt;
      return true;
    }
    // Every `**` in the middle is followed by a slash, so only places at slashes are worth trying.
    this.#star = NOT_FOUND;
    const slash = this.#deep === NOT_FOUND ? NOT_FOUND : text.indexOf('/', this.#deepAt);
    if (slash === NOT_FOUND) return false;
    this.#code = this.#deep;
    this.#deepAt = slash + 1;
    this.#at = this.#codes[this.#deep - 1] === DEEP_SLASH ? slash + 1 : slash;
    return true;
  }
}

/**
 * Compiles one glob.
 * @param pattern latin1, without the leading `!` and slash and without the trailing slash of a directory pattern
 * @param folded the text will come in lower case (and the pattern is), so that `[:upper:]` means lower case too
 * @returns undefined when the pattern is malformed (unclosed class, unknown class name, backslash at the end): git lets
 * such a pattern match nothing
 */
export function compileGlob(pattern: string, folded = false): Glob | undefined {
  const program = compileProgram(pattern, folded);
  return program === undefined ? undefined : new CompiledGlob(program);
}
