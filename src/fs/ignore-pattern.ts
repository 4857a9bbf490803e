/**
 * Lines of ignore files and patterns of the command line, parsed to rules. The syntax is that of gitignore(5); where the
 * manual is silent, git's dir.c (add_patterns_from_buffer, parse_path_pattern, trim_trailing_spaces) decides.
 */
import { Buffer } from 'node:buffer';
import { decodeUtf8, utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { compileGlob, type Glob } from './ignore-glob.ts';

/** What decided about a path. `not-included`: there are include patterns and none of them matched. */
export type RuleKind =
  | 'ignore-file'
  | 'exclude'
  | 'iexclude'
  | 'exclude-file'
  | 'include'
  | 'not-included'
  | 'exclude-if-present'
  | 'exclude-caches'
  | 'exclude-larger-than';

export interface Rule {
  readonly kind: RuleKind;
  /** The option as typed (`--exclude`), or the path of the file that holds the pattern, as bytes. */
  readonly source: string | Uint8Array;
  /** Line in that file, from 1; undefined for an option. */
  readonly line: number | undefined;
  /** The pattern as written, without trailing spaces; for a marker its name, for a size the limit, else empty. */
  readonly pattern: Uint8Array;
  /** A pattern with `!`: what it matches is kept. */
  readonly negated: boolean;
}

/** A compiled pattern with the rule that it belongs to. */
export interface IgnorePattern {
  readonly rule: Rule;
  /** undefined when it can match nothing (empty or malformed). */
  readonly glob: Glob | undefined;
  /** Ended with a slash: matches directories only. */
  readonly directoryOnly: boolean;
  /** No slash in it: compared with the last name of a path at any depth, otherwise with the whole path. */
  readonly baseNameOnly: boolean;
  /** Compared with names folded by {@link foldCase}. */
  readonly folded: boolean;
}

/** Bytes as text with one character a byte: the form in which names and patterns are compared. */
export function toLatin1(bytes: Uint8Array): string {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer.toString('latin1');
}

export function fromLatin1(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** Lower case: of all letters when the bytes are UTF-8, of ASCII letters otherwise. Latin1 in and out. */
export function foldCase(latin1: string): string {
  const asciiFolded = latin1.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  let ascii = true;
  for (let at = 0; ascii && at < latin1.length; at++) ascii = latin1.charCodeAt(at) < 0x80;
  if (ascii) return asciiFolded;
  const text = decodeUtf8(fromLatin1(latin1));
  return text === undefined ? asciiFolded : toLatin1(utf8(text.toLowerCase()));
}

/** Removes spaces at the end, except one after a backslash; a backslash at the end stays with all before it. */
function trimTrailingSpaces(line: string): string {
  let end = 0;
  for (let at = 0; at < line.length; at++) {
    if (line[at] === ' ') continue;
    if (line[at] === '\\') {
      at++;
      if (at === line.length) return line;
    }
    end = at + 1;
  }
  return line.slice(0, end);
}

interface PatternOrigin {
  readonly kind: RuleKind;
  readonly source: string | Uint8Array;
  readonly line: number | undefined;
}

/** How a pattern is read: an ignore file ties a slash to its own directory, the command line does not. */
interface PatternReading {
  readonly folded: boolean;
  readonly slashAnchors: boolean;
}

function parsePattern(text: string, origin: PatternOrigin, reading: PatternReading): IgnorePattern {
  const negated = text.startsWith('!');
  let body = negated ? text.slice(1) : text;
  const directoryOnly = body.endsWith('/');
  if (directoryOnly) body = body.slice(0, -1);
  // `**/name` says what `name` says, and names are found faster.
  if (/^(\*\*\/)+[^/]+$/.test(body)) body = body.slice(body.lastIndexOf('/') + 1);
  const baseNameOnly = !body.includes('/');
  if (body.startsWith('/')) body = body.slice(1);
  else if (!(baseNameOnly || reading.slashAnchors)) body = `**/${body}`;
  if (reading.folded) body = foldCase(body);
  return {
    rule: { ...origin, pattern: fromLatin1(text), negated },
    glob: body === '' ? undefined : compileGlob(body, reading.folded),
    directoryOnly,
    baseNameOnly,
    folded: reading.folded,
  };
}

const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf';

/** Calls back with each line that holds a pattern: no comments, no empty lines, line ends and trailing spaces gone. */
function forEachPatternLine(bytes: Uint8Array, visit: (text: string, line: number) => void): void {
  let text = toLatin1(bytes);
  if (text.startsWith(BYTE_ORDER_MARK)) text = text.slice(BYTE_ORDER_MARK.length);
  let line = 0;
  for (let raw of text.split('\n')) {
    line++;
    if (raw === '' || raw.startsWith('#')) continue;
    if (raw.endsWith('\r')) raw = raw.slice(0, -1);
    // git reads lines as C strings.
    const nul = raw.indexOf('\0');
    const pattern = trimTrailingSpaces(nul === -1 ? raw : raw.slice(0, nul));
    if (pattern !== '') visit(pattern, line);
  }
}

/** The patterns of an ignore file found in the tree (`source` is its path). Malformed ones match nothing, as in git. */
export function parseIgnoreFile(source: Uint8Array, bytes: Uint8Array): IgnorePattern[] {
  const patterns: IgnorePattern[] = [];
  forEachPatternLine(bytes, (text, line) => {
    const pattern = parsePattern(
      text,
      { kind: 'ignore-file', source, line },
      {
        folded: false,
        slashAnchors: true,
      },
    );
    if (pattern.glob !== undefined) patterns.push(pattern);
  });
  return patterns;
}

/** @throws NeoError usage for a pattern that could never match: what the user asked for would silently not happen. */
function parseTypedPattern(text: string, origin: PatternOrigin, folded: boolean): IgnorePattern {
  const pattern = parsePattern(text, origin, { folded, slashAnchors: false });
  const place = typeof origin.source === 'string' ? origin.source : Buffer.from(origin.source).toString();
  const where = origin.line === undefined ? place : `${place}, line ${origin.line}`;
  const shown = Buffer.from(text, 'latin1').toString();
  if (pattern.glob === undefined) {
    throw new NeoError('usage', `${where}: the pattern "${shown}" can match nothing`, {
      hint: 'Look for a [ without ], a wrong class name such as [[:letter:]], or a backslash at the end.',
    });
  }
  if (/^!?\/?(\.\.?\/|\.\.?$)|\/\.\.?(\/|$)|\/\//.test(text)) {
    throw new NeoError('usage', `${where}: the pattern "${shown}" can match nothing: paths hold no ".", ".." or "//"`, {
      hint: 'Write a name for any depth (build), a part of a path (docs/build) or the whole path (/home/me/docs/build).',
    });
  }
  return pattern;
}

export type PatternOption = 'exclude' | 'iexclude' | 'include';

/**
 * One pattern of the command line. A leading slash means the absolute path; any other pattern matches at any depth.
 * @param option for the reading and the explanation; `shown` is the option as the user typed it, if it has another name
 * @throws NeoError usage when it could never match
 */
export function parseOptionPattern(
  option: PatternOption,
  pattern: string | Uint8Array,
  shown = `--${option}`,
  folded = option === 'iexclude',
): IgnorePattern {
  const text = toLatin1(typeof pattern === 'string' ? utf8(pattern) : pattern);
  return parseTypedPattern(text, { kind: option, source: shown, line: undefined }, folded);
}

/**
 * The patterns of an `--exclude-file`: one a line with comments and trailing spaces as in an ignore file, but read like
 * `--exclude` (not tied to the directory of the file).
 * @throws NeoError usage when one could never match
 */
export function parseExcludeFile(source: Uint8Array, bytes: Uint8Array): IgnorePattern[] {
  const patterns: IgnorePattern[] = [];
  forEachPatternLine(bytes, (text, line) => {
    patterns.push(parseTypedPattern(text, { kind: 'exclude-file', source, line }, false));
  });
  return patterns;
}
