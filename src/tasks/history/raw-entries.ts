/**
 * The entries of a directory as they are written, without being decoded: two directories are compared by them, and of most
 * entries nothing more has to be known than that both have them.
 */
import { NeoError } from '../../core/errors.ts';
import { canonicalText, type Json, parseJson } from '../../core/json.ts';

const [HEAD, TAIL] = ['{"e":[', '],"l":0}'];

/** JSON of each, latin1; undefined of what is no part at level 0. @throws NeoError integrity */
export function rawEntries(json: Uint8Array): readonly string[] | undefined {
  const text = Buffer.from(json.buffer, json.byteOffset, json.length).toString('latin1');
  if (!text.startsWith(HEAD) || !text.endsWith(TAIL)) return undefined;
  return split(text.slice(HEAD.length, -TAIL.length));
}

/**
 * The entries of a leaf, which is canonical JSON. The bytes between two of them can end a text, too (a file may be called
 * so); then no member follows, and all is taken apart the long way.
 * @throws NeoError integrity for what is none
 */
function split(text: string): string[] {
  if (text === '') return [];
  const entries: string[] = [];
  let from = 0;
  for (let at = text.indexOf(BETWEEN); at >= 0; at = text.indexOf(BETWEEN, at + BETWEEN.length)) {
    entries.push(text.slice(from, at + 1));
    from = at + 2;
  }
  entries.push(text.slice(from));
  return entries.every((entry) => MEMBER.test(entry)) ? entries : splitSlowly(text);
}

/** @throws NeoError integrity */
function splitSlowly(text: string): string[] {
  const entries = parseJson(Buffer.from(`[${text}]`, 'latin1'));
  if (!Array.isArray(entries)) throw new NeoError('integrity', 'directory is malformed');
  return entries.map((entry: Json) => Buffer.from(canonicalText(entry)).toString('latin1'));
}

const BETWEEN = '},{"';
/** What a text that ends with the same bytes goes on with is no letter. */
const MEMBER = /^\{"[A-Za-z]":/;
