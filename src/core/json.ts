/** Canonical JSON (RFC 8785, JCS): the same bytes for the same value. Numbers here are always safe integers. */
import { decodeUtf8, utf8 } from './bytes.ts';
import { NeoError } from './errors.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Members that are undefined are left out; keys are ordered by UTF-16 units, as RFC 8785 §3.2.3 says. */
export function canonicalJson(value: Json): Uint8Array {
  return utf8(canonicalText(value));
}

/** The same as text. */
export function canonicalText(value: Json): string {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new NeoError('failed', `not a safe integer: ${value}`);
    return Object.is(value, -0) ? '0' : String(value);
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item: Json) => canonicalText(item)).join(',')}]`;
  const members: string[] = [];
  const object = value as { readonly [key: string]: Json | undefined };
  for (const key of Object.keys(object).sort()) {
    const member = object[key];
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${canonicalText(member)}`);
  }
  return `{${members.join(',')}}`;
}

/** @throws NeoError integrity when the bytes are not UTF-8 JSON; it tells nothing of them, for they may be a secret */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes);
  try {
    if (text === undefined) throw new SyntaxError('not UTF-8');
    return JSON.parse(text);
  } catch {
    // The reason that V8 gives quotes the text.
    throw new NeoError('integrity', 'not valid JSON');
  }
}
