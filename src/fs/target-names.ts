/**
 * Names for systems that do not take every name: what cannot be is escaped, what would be one file is kept apart. Nothing
 * is lost by it, and the same directory always gets the same names.
 */
import { decodeUtf8, utf8 } from '../core/bytes.ts';

export const TARGET_SYSTEMS = ['windows', 'case-insensitive'] as const;
export type TargetSystem = (typeof TARGET_SYSTEMS)[number];

/** Bytes: what file systems take, less than the 255 UTF-16 units of NTFS whatever the letters are. */
const LONGEST = 255;

/**
 * "Naming Files, Paths, and Namespaces" (Microsoft): device names are reserved whatever their extension; a name ends with
 * neither a dot nor a space.
 */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?=$|\.| )/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones
const FORBIDDEN = /[\u0000-\u001f<>:"\\|?*]/g;

/** The entries of one directory, in their order. */
export class TargetNames {
  readonly #system: TargetSystem;
  /** As the system compares them. */
  readonly #taken = new Set<string>();

  constructor(system: TargetSystem) {
    this.#system = system;
  }

  /** The name itself where it can be. To be asked once for each entry. */
  of(name: Uint8Array): Uint8Array {
    const text = readable(name);
    const possible = shortened(this.#system === 'windows' ? forWindows(text) : text, '');
    for (let n = 1; ; n++) {
      const tried = n === 1 ? possible : shortened(possible, `~${n}`);
      const folded = fold(tried);
      if (this.#taken.has(folded)) continue;
      this.#taken.add(folded);
      return utf8(tried);
    }
  }
}

/** What is no UTF-8 is no name there: its bytes as %HH. */
function readable(name: Uint8Array): string {
  const text = decodeUtf8(name);
  if (text !== undefined) return text;
  let readable = '';
  for (let at = 0; at < name.length; ) {
    const length = [1, 2, 3, 4].find((count) => decodeUtf8(name.subarray(at, at + count)) !== undefined) ?? 0;
    const part = name.subarray(at, at + Math.max(length, 1));
    readable += length === 0 ? escapeByte(part[0] ?? 0) : (decodeUtf8(part) ?? '');
    at += part.length;
  }
  return readable;
}

function escapeByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

function forWindows(name: string): string {
  return name
    .replace(FORBIDDEN, (sign) => escapeByte(sign.charCodeAt(0)))
    .replace(/[. ]$/, (sign) => escapeByte(sign.charCodeAt(0)))
    .replace(DEVICE, '$1_');
}

/** More is the same than any one system says: two names too many are kept apart rather than one too few. */
function fold(name: string): string {
  return name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
}

/** Shortened where it is too long with it; the suffix stands before the extension. */
function shortened(name: string, suffix: string): string {
  const dot = name.lastIndexOf('.');
  const [stem, extension] = dot > 0 && name.length - dot <= 16 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  const signs = [...stem];
  const whole = (): string => signs.join('') + suffix + extension;
  if (utf8(whole()).length <= LONGEST) return whole();
  while (utf8(whole()).length > LONGEST && signs.length > 0) signs.pop();
  return whole().replace(/[. ]$/, '_');
}
