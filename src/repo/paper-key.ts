/**
 * A recovery key as text: printed, kept in a drawer, typed in again (docs/format.md, section 9). The text itself is
 * `NEO1-` and eleven groups of five; on paper each group stands on a numbered line with a check of its own, so that a
 * mistyped one is named.
 */
import { ByteWriter, concatBytes, decodeUtf8, equalBytes, utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { Engine } from '../engine/engine.ts';

/** Douglas Crockford's base32: no I, L, O, U. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const PREFIX = 'NEO1';
const SECRET_LENGTH = 32;
const SUM_LENGTH = 2;
const GROUP = 5;
export const PAPER_GROUPS = 11;

function checkSum(engine: Engine, secret: Uint8Array): Uint8Array {
  return engine.blake3(concatBytes(utf8('neo/v1 paper'), secret)).subarray(0, SUM_LENGTH);
}

/** 5 bits a digit, the most significant first; what is missing to whole digits is zero. */
function toDigits(bytes: Uint8Array): string {
  let text = '';
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += ALPHABET[(buffer >> (bits - 5)) & 31] ?? '';
    buffer &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + (ALPHABET[(buffer << (5 - bits)) & 31] ?? '');
}

/** Undefined when bits are left over that are not zero, or a digit is none. */
function fromDigits(text: string, length: number): Uint8Array | undefined {
  const writer = new ByteWriter(length);
  let buffer = 0;
  let bits = 0;
  for (const digit of text) {
    const value = ALPHABET.indexOf(digit);
    if (value < 0) return undefined;
    buffer = (buffer << 5) | value;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    writer.u8(buffer >> bits);
    buffer &= (1 << bits) - 1;
  }
  return buffer === 0 ? writer.finish() : undefined;
}

function groupsOf(engine: Engine, secret: Uint8Array): string[] {
  if (secret.length !== SECRET_LENGTH) throw new NeoError('failed', 'a recovery key is 32 bytes');
  const digits = toDigits(concatBytes(secret, checkSum(engine, secret)));
  return Array.from({ length: PAPER_GROUPS }, (_, at) => digits.slice(at * GROUP, (at + 1) * GROUP));
}

/** `NEO1-` and the groups, joined by `-`. */
export function paperKeyText(engine: Engine, secret: Uint8Array): string {
  return [PREFIX, ...groupsOf(engine, secret)].join('-');
}

/** Two digits over a group and the number of its line: 10 bits of BLAKE3. */
function lineCheck(engine: Engine, line: number, group: string): string {
  const number = new ByteWriter(1).u8(line).finish();
  return toDigits(engine.blake3(concatBytes(utf8('neo/v1 paper line'), number, utf8(group)))).slice(0, 2);
}

/** The lines to print: number, group, check. */
export function paperKeyLines(engine: Engine, secret: Uint8Array): string[] {
  return groupsOf(engine, secret).map((group, at) => {
    return `${String(at + 1).padStart(2)}  ${group}  ${lineCheck(engine, at + 1, group)}`;
  });
}

interface TypedGroup {
  readonly group: string;
  /** As typed; undefined when it was left out. */
  readonly check: string | undefined;
}

/** Case does not matter, and what Crockford's alphabet leaves out is read as what it looks like. */
function normalise(text: string): string {
  return text.toUpperCase().replaceAll(/[IL]/g, '1').replaceAll('O', '0');
}

/** Groups in order, from either form. Lines that begin with `#` are for people. */
function typedGroups(text: string): TypedGroup[] {
  const groups: TypedGroup[] = [];
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*#/.test(line)) continue;
    const numbered = /^\s*\d{1,2}[.:)]?\s+(\S+)(?:\s+(\S+))?\s*$/.exec(line);
    if (numbered?.[1] !== undefined) {
      groups.push({ group: normalise(numbered[1]), check: numbered[2] && normalise(numbered[2]) });
      continue;
    }
    const words = normalise(line.replace(/^\s*neo1\b/i, '')).split(/[\s-]+/);
    groups.push(...words.filter((word) => word !== '').map((group) => ({ group, check: undefined })));
  }
  return groups;
}

function mistyped(message: string, hint = 'compare with the paper and type again'): NeoError {
  return new NeoError('wrong-password', message, { hint });
}

/** True where a group is no five digits, or does not fit the check typed beside it. */
function isWrong(engine: Engine, { group, check }: TypedGroup, line: number): boolean {
  if (group.length !== GROUP || [...group].some((digit) => !ALPHABET.includes(digit))) return true;
  return check !== undefined && check !== lineCheck(engine, line, group);
}

/**
 * The secret, from the text or from the printed lines.
 * @throws NeoError wrong-password saying which lines are mistyped, as far as their checks tell; never what was typed
 */
export function parsePaperKey(engine: Engine, typed: Uint8Array): Uint8Array {
  const text = decodeUtf8(typed);
  const groups = text === undefined ? [] : typedGroups(text);
  const wrong = groups.flatMap((group, at) => (isWrong(engine, group, at + 1) ? [at + 1] : []));
  const named = wrong.filter((line) => line <= PAPER_GROUPS);
  if (groups.length !== PAPER_GROUPS) {
    const where = named[0] === undefined ? '' : `; look at line ${named[0]}`;
    throw mistyped(`a recovery key has ${PAPER_GROUPS} groups of five characters, not ${groups.length}${where}`);
  }
  if (named.length > 0) throw mistyped(`the recovery key is mistyped in line ${named.join(', ')}`);
  const bytes = fromDigits(groups.map(({ group }) => group).join(''), SECRET_LENGTH + SUM_LENGTH);
  const secret = bytes?.slice(0, SECRET_LENGTH);
  if (
    secret === undefined ||
    bytes === undefined ||
    !equalBytes(checkSum(engine, secret), bytes.subarray(SECRET_LENGTH))
  ) {
    const hint = groups.some(({ check }) => check === undefined)
      ? 'type the two characters at the end of each line as well, and the wrong line is named'
      : 'the lines fit their checks and not each other: are they of one paper?';
    throw mistyped('the recovery key is mistyped: its check sum is wrong', hint);
  }
  return secret;
}
