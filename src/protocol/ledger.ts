/**
 * The ledger of a server as it goes over the wire: what was published, removed, granted and administered, in entries that are linked, signed and
 * leaves of a Merkle tree (engine/merkle.ts). Whoever keeps a head can tell whether a later one continues it.
 */
import { concatBytes, fromHex, toHex, utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { canonicalJson, canonicalText } from '../core/json.ts';
import { hexName, integer, moment, z } from '../core/schema.ts';
import type { Engine } from '../engine/engine.ts';
import { leafHash } from '../engine/merkle.ts';
import { sha256 } from '../engine/sha256.ts';
import { NAME, TARGET } from './verbs.ts';
import { site, witnessSchema } from './witness.ts';

/** `begin`: the first one. `change`: accounts, devices, tokens, grants, targets, the server itself (the audit log). */
export const ENTRY_KINDS = ['begin', 'snapshot', 'removal', 'change', 'record'] as const;
export type EntryKind = (typeof ENTRY_KINDS)[number];

const signature = z.string().check(z.regex(/^[0-9a-f]{128}$/));
const count = integer(0, Number.MAX_SAFE_INTEGER);

export const entryHeaderSchema = z.strictObject({
  v: z.literal(1),
  site,
  /** From 1, without a gap. */
  seq: integer(1),
  time: moment,
  kind: z.enum(ENTRY_KINDS),
  /** The leaf hash of the entry before; zeros for the first. */
  prev: hexName,
  /** SHA-256 of the salt and the content. */
  payload: hexName,
});
export type EntryHeader = z.infer<typeof entryHeaderSchema>;

/**
 * As it is kept: all of it is looked at by {@link faultOf}, which says of which entry something is wrong. `header`: canonical
 * JSON. `content`: JSON. `salt`: 16 random bytes in hex, so that whoever sees headers cannot guess what was done.
 */
export const entrySchema = z.strictObject({
  seq: integer(1),
  header: z.string().check(z.maxLength(1000)),
  signature: z.string().check(z.maxLength(200)),
  salt: z.string().check(z.maxLength(100)),
  content: z.string().check(z.maxLength(1 << 20)),
});
export type LedgerEntry = z.infer<typeof entrySchema>;

export const headSchema = z.strictObject({
  v: z.literal(1),
  site,
  size: count,
  root: hexName,
  time: moment,
  signature,
});
export type LedgerHead = z.infer<typeof headSchema>;

/** Of a tree of 2^53 leaves more cannot be needed. */
export const proof: z.ZodMiniArray<z.ZodMiniString> = z.array(hexName).check(z.maxLength(108));
export const MOST_ENTRIES = 200;

/** Bytes of one record. */
export const MOST_RECORD_BYTES: number = 32 << 10;
/** Bytes in base64url, without padding. */
const recordData = z.string().check(z.regex(/^[A-Za-z0-9_-]*$/), z.maxLength(Math.ceil((MOST_RECORD_BYTES * 4) / 3)));
/** The content of an entry of kind `record`. */
export const recordSchema = z.strictObject({ account: z.string(), by: z.string(), kind: z.string(), data: recordData });
export type LedgerRecord = z.infer<typeof recordSchema>;

/** Part of the table of control verbs (control.ts). */
export const LEDGER_CONTROL = {
  'ledger-head': {
    standing: 'known',
    help: 'how long the ledger is, signed, and that it continues what it was at an earlier length',
    request: z.strictObject({ from: z.optional(count) }),
    answer: z.object({
      ...{ key: hexName, head: headSchema, consistency: proof },
      /** By servers to which this one sends what it has. */
      witnesses: z.optional(z.array(witnessSchema).check(z.maxLength(64))),
    }),
  },
  ledger: {
    standing: 'manager',
    help: 'entries of the ledger: for administrators all, else those of the account, each with a proof that it is in there',
    request: z.strictObject({ after: z.optional(count), size: integer(1), kind: z.optional(z.enum(ENTRY_KINDS)) }),
    answer: z.object({
      entries: z.array(z.object({ entry: entrySchema, inclusion: proof })).check(z.maxLength(MOST_ENTRIES)),
      /** After this one the next ones are asked for; null: there are no more. */
      next: z.nullable(count),
    }),
  },
  'ledger-find': {
    standing: 'known',
    help: 'the entry of a snapshot that was published in a target that one may look into, with a proof that it is in there',
    request: z.strictObject({
      target: z.string().check(z.regex(TARGET)),
      path: z.string().check(z.maxLength(250)),
      size: integer(1),
    }),
    answer: z.object({ entry: entrySchema, inclusion: proof }),
  },
  'record-put': {
    standing: 'manager',
    help: 'write a record of the account into the ledger, for ever',
    request: z.strictObject({ kind: z.string().check(z.regex(NAME)), data: recordData }),
    answer: z.object({ seq: integer(1) }),
  },
} as const;

export const FIRST_PREV: string = '0'.repeat(64);

const ENTRY = utf8('neo/v1 ledger entry\0');
const HEAD = utf8('neo/v1 ledger head\0');

/** @param salt hex */
export function payloadOf(salt: string, content: string): string {
  return toHex(sha256(fromHex(salt), utf8(content)));
}

export function signEntry(engine: Engine, seed: Uint8Array, header: EntryHeader): string {
  return toHex(engine.sign(seed, concatBytes(ENTRY, canonicalJson(header))));
}

export function signHead(engine: Engine, seed: Uint8Array, head: Omit<LedgerHead, 'signature'>): LedgerHead {
  return { ...head, signature: toHex(engine.sign(seed, concatBytes(HEAD, canonicalJson(head)))) };
}

/** Of an entry in the tree; the next one names it. */
export function entryHash(header: string, signed: string): Uint8Array {
  return leafHash(concatBytes(utf8(header), fromHex(signed)));
}

/** @throws NeoError integrity */
export function verifyHead(engine: Engine, key: Uint8Array, { signature: signed, ...head }: LedgerHead): void {
  if (!engine.verify(key, concatBytes(HEAD, canonicalJson(head)), fromHex(signed))) {
    throw new NeoError('integrity', 'the head of the ledger is not signed by the key of the ledger');
  }
}

const SIGNATURE = /^[0-9a-f]{128}$/;
const SALT = /^[0-9a-f]{32}$/;

/** Undefined when it is not written as entries are. */
export function readHeader(text: string): EntryHeader | undefined {
  try {
    const { success, data } = entryHeaderSchema.safeParse(JSON.parse(text));
    return success && canonicalText(data) === text ? data : undefined;
  } catch {
    return undefined;
  }
}

/** What is wrong with an entry by itself; undefined: nothing. */
export function faultOf(engine: Engine, key: Uint8Array, siteOf: string, entry: LedgerEntry): string | undefined {
  const header = readHeader(entry.header);
  if (header === undefined) return 'is damaged';
  if (header.seq !== entry.seq) return `is entry ${header.seq}`;
  if (header.site !== siteOf) return 'is of another server';
  const signed = concatBytes(ENTRY, utf8(entry.header));
  if (!SIGNATURE.test(entry.signature) || !engine.verify(key, signed, fromHex(entry.signature))) {
    return 'is not signed by the key of the ledger';
  }
  const isContent = SALT.test(entry.salt) && payloadOf(entry.salt, entry.content) === header.payload;
  return isContent ? undefined : 'has another content than was signed';
}
