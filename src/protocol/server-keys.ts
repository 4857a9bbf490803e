/** What goes over the wire of the keys that a server has. */
import { fromHex, toHex } from '../core/bytes.ts';
import { moment, z } from '../core/schema.ts';
import type { Endorsement } from '../engine/server-lineage.ts';

/** As people see it. */
export const shownFingerprint: z.ZodMiniString = z.string().check(z.regex(/^SHA256:[A-Za-z0-9+/]{43}$/));
export const MOST_KEYS = 16;

const der = z.string().check(z.regex(/^(?:[0-9a-f]{2}){1,200}$/));
/** `key` and `signature` in hex (engine/server-lineage.ts). One each time that keys were exchanged. */
export const lineageSchema = z.array(z.strictObject({ key: der, signature: der })).check(z.maxLength(1024));
export type WireLineage = z.infer<typeof lineageSchema>;

/** Told to clients and not presented yet; or presented to whoever connects. */
export const KEY_STATES = ['waiting', 'presented'] as const;
export type KeyState = (typeof KEY_STATES)[number];

const key = z.object({ fingerprint: shownFingerprint, state: z.enum(KEY_STATES), created: moment });
/** A fingerprint, or how it begins. */
const begin = z.strictObject({ key: z.string().check(z.regex(/^(?:SHA256:)?[A-Za-z0-9+/]{1,43}$/)) });

/** Part of the table of control verbs (control.ts). */
export const KEY_CONTROL = {
  keys: {
    standing: 'administrator',
    help: 'the keys of the server',
    request: z.strictObject({}),
    answer: z.object({ keys: z.array(key).check(z.maxLength(MOST_KEYS)) }),
  },
  'key-add': {
    standing: 'administrator',
    help: 'make one more key, which waits until clients know it, or is presented at once',
    request: z.strictObject({ present: z.optional(z.boolean()) }),
    answer: key,
  },
  'key-present': { standing: 'administrator', help: 'present a key that waits', request: begin, answer: key },
  'key-retire': { standing: 'administrator', help: 'never present a key again', request: begin, answer: key },
} as const;

const NAMED_BYTES = 16;

/** The name by which a handshake asks for one of the keys (RFC 6066, section 3); below a domain that is nobody's (RFC 2606). */
export function keyServerName(fingerprint: Uint8Array): string {
  return `${toHex(fingerprint.subarray(0, NAMED_BYTES))}.neo.invalid`;
}

export function toWire(lineage: readonly Endorsement[]): WireLineage {
  return lineage.map(({ key, signature }) => ({ key: toHex(key), signature: toHex(signature) }));
}

export function fromWire(lineage: WireLineage): Endorsement[] {
  return lineage.map(({ key, signature }) => ({ key: fromHex(key), signature: fromHex(signature) }));
}
