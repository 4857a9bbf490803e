/** Files whose presence leaves out the content of their directory: --exclude-if-present and --exclude-caches. */
import { utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type Rule, type RuleKind, toLatin1 } from './ignore-pattern.ts';

export interface Marker {
  /** Latin1. */
  readonly name: string;
  /** The file must begin with these bytes; undefined: any content, any type of entry. */
  readonly header: Uint8Array | undefined;
  readonly rule: Rule;
}

function marker(kind: RuleKind, source: string, name: Uint8Array, header: Uint8Array | undefined): Marker {
  return { name: toLatin1(name), header, rule: { kind, source, line: undefined, pattern: name, negated: false } };
}

/** Cache Directory Tagging Specification 0.6 (bford.info/cachedir): the first 43 bytes of a regular file of that name. */
export const CACHE_MARKER: Marker = marker(
  'exclude-caches',
  '--exclude-caches',
  utf8('CACHEDIR.TAG'),
  utf8('Signature: 8a477f597d28d172789f06886806bc55'),
);

/**
 * The value of `--exclude-if-present`: `NAME` or `NAME:HEADER`; the first colon ends the name.
 * @throws NeoError usage when the name is empty or holds a slash
 */
export function parsePresentMarker(value: string | Uint8Array): Marker {
  const bytes = typeof value === 'string' ? utf8(value) : value;
  const colon = bytes.indexOf(0x3a);
  const name = colon === -1 ? bytes : bytes.subarray(0, colon);
  if (name.length === 0 || name.includes(0x2f)) {
    throw new NeoError('usage', '--exclude-if-present needs the name of a file, without a slash', {
      hint: 'For example --exclude-if-present .nobackup, or .nobackup:HEADER to ask for its first bytes.',
    });
  }
  return marker(
    'exclude-if-present',
    '--exclude-if-present',
    name,
    colon === -1 ? undefined : bytes.subarray(colon + 1),
  );
}

function startsWith(bytes: Uint8Array, header: Uint8Array): boolean {
  return bytes.length >= header.length && header.every((byte, at) => bytes[at] === byte);
}

/** Is the marker in this directory? `read` gives the bytes of a regular file, or undefined. */
export function isPresent(
  sought: Marker,
  directory: { has(name: Uint8Array): boolean; read(name: Uint8Array): Uint8Array | undefined },
): boolean {
  const name = sought.rule.pattern;
  if (!directory.has(name)) return false;
  if (sought.header === undefined) return true;
  const bytes = directory.read(name);
  return bytes !== undefined && startsWith(bytes, sought.header);
}
