/** Key slots: what a password, a key file or a recovery key opens (docs/format.md, section 4). */
import {
  ByteReader,
  ByteWriter,
  concatBytes,
  decodeUtf8,
  equalBytes,
  fromBase64,
  fromHex,
  toBase64,
  utf8,
} from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { ClientId, RepositoryId } from '../core/ids.ts';
import { canonicalJson, type Json, parseJson } from '../core/json.ts';
import type { Random } from '../core/random.ts';
import { z } from '../core/schema.ts';
import { openObject, sealObject } from '../engine/aead.ts';
import type { Engine } from '../engine/engine.ts';
import { signBytes, verifySignatures } from '../engine/identity.ts';
import { checkKdfBounds, derivePasswordKey, type KdfParameters } from '../engine/kdf.ts';
import { deriveKey } from '../engine/keys.ts';
import type { Role } from './certificate.ts';
import { encodeHeader, newerNeo, readHeader } from './header.ts';
import { decodeRenewedSecret, decodeSecret, encodeSecret, type RenewedSecret, type SlotSecret } from './slot-secret.ts';

export type SlotMethod = 'password' | 'key' | 'recovery';

/** What everybody who opened the repository sees of a slot. */
export interface SlotListing {
  readonly client: ClientId;
  readonly label: string;
  readonly role: Role;
  readonly method: SlotMethod;
  /** Milliseconds since 1970; expires 0 = never. */
  readonly created: number;
  readonly expires: number;
  readonly certificate: Uint8Array;
  readonly kemPublic: Uint8Array;
}

/** The clear part and the sealed ones, decoded but not opened. */
export interface SlotObject {
  readonly repository: RepositoryId;
  readonly client: ClientId;
  readonly method: SlotMethod | 'sealed';
  readonly kdf: KdfParameters | undefined;
  readonly listing: Uint8Array;
  readonly listingAad: Uint8Array;
  readonly commitment: Uint8Array;
  readonly secret: Uint8Array;
  readonly secretAad: Uint8Array;
  /** Everything before the check sum, and the check sum; only of number 0, later ones are signed. */
  readonly checked: { readonly bytes: Uint8Array; readonly sum: Uint8Array } | undefined;
  /** Of a renewal: everything before the signature list, and that. */
  readonly signed: { readonly bytes: Uint8Array; readonly list: Uint8Array } | undefined;
  /** Of a renewal: the X-Wing ciphertext to the slot's pair. */
  readonly kem: Uint8Array | undefined;
}

/** What a user presents: a password, or the 32 bytes that open a slot, from a key file or from paper. */
export type Credential =
  | { readonly type: 'password'; readonly password: Uint8Array }
  | { readonly type: 'secret'; readonly secret: Uint8Array };

const text = z.string();
export const kdfSchema = z.discriminatedUnion('name', [
  z.object({ name: z.literal('argon2id'), memory: z.int(), passes: z.int(), lanes: z.int(), salt: text }),
  z.object({ name: z.literal('scrypt'), n: z.int(), r: z.int(), p: z.int(), salt: text }),
  z.object({ name: z.literal('none') }),
]);
const clearSchema = z.object({
  v: z.literal(1),
  method: z.enum(['password', 'key', 'recovery', 'sealed']),
  kdf: z.optional(kdfSchema),
  kem: z.optional(text),
});
const listingSchema = z.object({
  v: z.literal(1),
  label: text,
  role: z.enum(['full', 'write']),
  method: z.enum(['password', 'key', 'recovery']),
  created: z.int(),
  expires: z.int(),
  certificate: text,
  kemPublic: text,
});
/** The same password typed on two systems is the same bytes: NFC, unless it is not UTF-8. */
export function normalisePassword(password: Uint8Array): Uint8Array {
  const decoded = decodeUtf8(password);
  return decoded === undefined ? password : utf8(decoded.normalize('NFC'));
}

export function kdfJson(kdf: KdfParameters | undefined): Json {
  if (kdf === undefined) return { name: 'none' };
  return kdf.name === 'argon2id'
    ? { name: 'argon2id', memory: kdf.memory, passes: kdf.passes, lanes: kdf.lanes, salt: toBase64(kdf.salt) }
    : { name: 'scrypt', n: kdf.n, r: kdf.r, p: kdf.p, salt: toBase64(kdf.salt) };
}

export function parseKdf(value: z.infer<typeof kdfSchema>): KdfParameters | undefined {
  if (value.name === 'none') return undefined;
  if (value.name === 'argon2id') {
    const { memory, passes, lanes } = value;
    return { name: 'argon2id', memory, passes, lanes, salt: fromBase64(value.salt) };
  }
  return { name: 'scrypt', n: value.n, r: value.r, p: value.p, salt: fromBase64(value.salt) };
}

/** The 32-byte key that a credential gives under these parameters. @throws NeoError when out of bounds */
export async function credentialKey(
  engine: Engine,
  credential: Credential,
  kdf: KdfParameters | undefined,
): Promise<Uint8Array | undefined> {
  if (credential.type === 'secret') return credential.secret;
  if (kdf === undefined) return undefined;
  checkKdfBounds(kdf);
  return derivePasswordKey(engine, normalisePassword(credential.password), kdf);
}

function commitmentOf(engine: Engine, kek: Uint8Array): Uint8Array {
  return engine.blake3Derive('neo/v1 slot commitment', kek);
}

function sealingKeyOf(engine: Engine, kek: Uint8Array): Uint8Array {
  return engine.blake3Derive('neo/v1 slot key', kek);
}

export interface NewSlot {
  readonly listing: SlotListing;
  readonly secret: SlotSecret;
  readonly indexKey: Uint8Array;
  /** The key from {@link credentialKey}, made with `kdf`. */
  readonly kek: Uint8Array;
  readonly kdf: KdfParameters | undefined;
}

/** The bytes of `keys/<client>/0`. */
export function encodeSlot(engine: Engine, random: Random, slot: NewSlot): Uint8Array {
  const { listing, secret, kek, indexKey } = slot;
  const clear = canonicalJson({ v: 1, method: listing.method, kdf: kdfJson(slot.kdf) });
  const whole = encodeSealed(engine, random, {
    listing,
    secret: encodeSecret(secret),
    facts: secret,
    clear,
    kek,
    indexKey,
  });
  return concatBytes(whole, checkSumOf(engine, slot.indexKey, whole));
}

export interface NewRenewal {
  readonly listing: SlotListing;
  readonly secret: RenewedSecret;
  readonly indexKey: Uint8Array;
  /** The repository's signing pair of the epoch that it is renewed to. */
  readonly issuerSeed: Uint8Array;
}

/** The bytes of `keys/<client>/<n>`, n > 0: sealed to the slot's own pair, signed by epoch n. */
export function encodeRenewal(engine: Engine, random: Random, renewal: NewRenewal): Uint8Array {
  const { listing, secret, indexKey, issuerSeed } = renewal;
  const kem = engine.kemEncapsulate(listing.kemPublic, random.bytes(64));
  const clear = canonicalJson({ v: 1, method: 'sealed', kdf: kdfJson(undefined), kem: toBase64(kem.ciphertext) });
  const facts = { listing, secret: encodeSecret(secret), facts: secret, clear, kek: kem.secret, indexKey };
  const whole = encodeSealed(engine, random, facts);
  return concatBytes(whole, signBytes(engine, issuerSeed, 'slot', fromHex(secret.repository), whole));
}

/**
 * @param slot at `keys/<client>/<n>`
 * @param issuer public half of the signing pair of epoch n
 * @throws NeoError integrity unless epoch n signed it, and for a KEM ciphertext that is stripped or altered
 */
export function openRenewal(engine: Engine, slot: SlotObject, kemSeed: Uint8Array, issuer: Uint8Array): RenewedSecret {
  const { signed, kem } = slot;
  if (signed === undefined || kem === undefined) throw new NeoError('integrity', 'a renewal of a key is not sealed');
  if (!renewalIsSigned(engine, slot, issuer))
    throw new NeoError('integrity', 'a renewal of a key has a wrong signature');
  const kek = engine.kemDecapsulate(kemSeed, kem);
  if (!slotMatches(engine, slot, kek)) throw new NeoError('integrity', 'a renewal of a key is sealed to another pair');
  const secret = decodeRenewedSecret(openObject(engine, sealingKeyOf(engine, kek), slot.secret, slot.secretAad));
  requireOwn(slot, secret);
  return secret;
}

/** True of first slots, too, which nobody signs. `issuer`: of the epoch that the path names. */
export function renewalIsSigned(
  engine: Engine,
  { signed, repository }: SlotObject,
  issuer: Uint8Array | undefined,
): boolean {
  if (signed === undefined) return true;
  return (
    issuer !== undefined && verifySignatures(engine, issuer, 'slot', fromHex(repository), signed.bytes, signed.list)
  );
}

interface SealedParts {
  readonly listing: SlotListing;
  readonly secret: Uint8Array;
  readonly facts: { readonly repository: RepositoryId; readonly client: ClientId };
  readonly clear: Uint8Array;
  readonly kek: Uint8Array;
  readonly indexKey: Uint8Array;
}

/** All but what stands at its end: a check sum, or signatures. */
function encodeSealed(engine: Engine, random: Random, parts: SealedParts): Uint8Array {
  const { listing, secret, facts, clear, kek, indexKey } = parts;
  const header = encodeHeader('slot', facts.repository);
  const listingJson = canonicalJson({
    v: 1,
    label: listing.label,
    role: listing.role,
    method: listing.method,
    created: listing.created,
    expires: listing.expires,
    certificate: toBase64(listing.certificate),
    kemPublic: toBase64(listing.kemPublic),
  });
  const listingAad = concatBytes(header, fromHex(facts.client));
  const sealedListing = sealObject(engine, deriveKey(engine, indexKey, 'seal.slot'), listingJson, listingAad, random);
  const open = concatBytes(
    header,
    new ByteWriter(4).u32(clear.length).finish(),
    clear,
    new ByteWriter(4).u32(sealedListing.length).finish(),
    sealedListing,
    commitmentOf(engine, kek),
  );
  const sealed = sealObject(engine, sealingKeyOf(engine, kek), secret, open, random);
  return concatBytes(open, new ByteWriter(4).u32(sealed.length).finish(), sealed);
}

/** Nothing else tells damage to a slot from a wrong password, and a recovery key is tried only when all else is lost. */
function checkSumOf(engine: Engine, indexKey: Uint8Array, whole: Uint8Array): Uint8Array {
  return engine.blake3(whole, deriveKey(engine, indexKey, 'slot.check'));
}

/** True if no byte has changed since it was written: anybody who opened the repository can tell, of every slot. */
export function slotIsWhole(engine: Engine, indexKey: Uint8Array, { checked }: SlotObject): boolean {
  return checked === undefined || equalBytes(checkSumOf(engine, indexKey, checked.bytes), checked.sum);
}

/** Decodes `keys/<client>/<n>` without opening it. @throws NeoError integrity, needs-newer-neo */
export function decodeSlot(client: ClientId, object: Uint8Array): SlotObject {
  const reader = new ByteReader(object);
  const repository = readHeader(reader, 'slot');
  const header = object.subarray(0, reader.offset);
  const clear = clearSchema.safeParse(parseJson(reader.bytes(reader.u32())));
  if (!clear.success) throw newerNeo('a key slot of an unknown kind');
  const listing = reader.bytes(reader.u32());
  const commitment = reader.bytes(32);
  const secretAad = object.subarray(0, reader.offset);
  const secret = reader.bytes(reader.u32());
  const bytes = object.subarray(0, reader.offset);
  const isRenewal = clear.data.method === 'sealed';
  const checked = isRenewal ? undefined : { bytes, sum: reader.bytes(32) };
  const signed = isRenewal ? { bytes, list: reader.bytes(reader.remaining) } : undefined;
  reader.end();
  return {
    repository,
    client,
    method: clear.data.method,
    kdf: clear.data.kdf === undefined ? undefined : parseKdf(clear.data.kdf),
    listing,
    listingAad: concatBytes(header, fromHex(client)),
    commitment,
    secret,
    secretAad,
    checked,
    signed,
    kem: clear.data.kem === undefined ? undefined : fromBase64(clear.data.kem),
  };
}

/** True if the key belongs to this slot: compared before anything is opened. */
export function slotMatches(engine: Engine, slot: SlotObject, kek: Uint8Array): boolean {
  return equalBytes(commitmentOf(engine, kek), slot.commitment);
}

/** @throws NeoError integrity when the slot was tampered with */
export function openSlot(engine: Engine, slot: SlotObject, kek: Uint8Array): SlotSecret {
  const json = openObject(engine, sealingKeyOf(engine, kek), slot.secret, slot.secretAad);
  const secret = decodeSecret(json);
  requireOwn(slot, secret);
  return secret;
}

function requireOwn(slot: SlotObject, secret: RenewedSecret): void {
  if (secret.repository === slot.repository && secret.client === slot.client) return;
  throw new NeoError('integrity', 'key slot belongs to another repository or client');
}

/** @throws NeoError integrity when the listing was tampered with */
export function openListing(engine: Engine, indexKey: Uint8Array, slot: SlotObject): SlotListing {
  const json = openObject(engine, deriveKey(engine, indexKey, 'seal.slot'), slot.listing, slot.listingAad);
  const parsed = listingSchema.safeParse(parseJson(json));
  if (!parsed.success) throw new NeoError('integrity', 'key slot is malformed', { cause: parsed.error });
  const data = parsed.data;
  return {
    client: slot.client,
    label: data.label,
    role: data.role,
    method: data.method,
    created: data.created,
    expires: data.expires,
    certificate: fromBase64(data.certificate),
    kemPublic: fromBase64(data.kemPublic),
  };
}
