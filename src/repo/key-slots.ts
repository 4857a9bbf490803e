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
import { type ClientId, clientId, type ObjectName, objectName, type RepositoryId, repositoryId } from '../core/ids.ts';
import { canonicalJson, type Json, parseJson } from '../core/json.ts';
import type { Random } from '../core/random.ts';
import { integer, z } from '../core/schema.ts';
import { openObject, sealObject } from '../engine/aead.ts';
import type { Engine } from '../engine/engine.ts';
import { checkKdfBounds, derivePasswordKey, type KdfParameters } from '../engine/kdf.ts';
import { deriveKey } from '../engine/keys.ts';
import type { Role } from './certificate.ts';
import { encodeHeader, newerNeo, readHeader } from './header.ts';

export type SlotMethod = 'password' | 'key' | 'recovery';

/** Private halves of one epoch; only full-role slots hold them. */
export interface EpochSecrets {
  readonly epoch: number;
  readonly sealSeed: Uint8Array;
  readonly signSeed: Uint8Array;
}

export type SlotKeys =
  | { readonly role: 'full'; readonly root: Uint8Array; readonly epochs: readonly EpochSecrets[] }
  | {
      readonly role: 'write';
      readonly contentData: Uint8Array;
      readonly contentTree: Uint8Array;
      readonly contentList: Uint8Array;
      readonly contentFile: Uint8Array;
      readonly chunker: Uint8Array;
      readonly index: Uint8Array;
      /** 16 bytes, if the slot is bound to a deduplication domain. */
      readonly domain?: Uint8Array;
    };

/** What lies inside an opened slot. */
export interface SlotSecret {
  readonly repository: RepositoryId;
  readonly config0: ObjectName;
  /** The config in force when the slot was written: the chain must reach it. */
  readonly config: ObjectName;
  readonly client: ClientId;
  readonly certificate: Uint8Array;
  readonly signSeed: Uint8Array;
  readonly kemSeed: Uint8Array;
  readonly keys: SlotKeys;
}

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
const secretBase = z.object({
  v: z.literal(1),
  repository: text,
  config0: text,
  config: text,
  client: text,
  certificate: text,
  signSeed: text,
  kemSeed: text,
});
const secretSchema = z.discriminatedUnion('role', [
  z.extend(secretBase, {
    role: z.literal('full'),
    keys: z.object({
      root: text,
      epochs: z.array(z.object({ epoch: integer(0), sealSeed: text, signSeed: text })).check(z.minLength(1)),
    }),
  }),
  z.extend(secretBase, {
    role: z.literal('write'),
    keys: z.object({
      'content.data': text,
      'content.tree': text,
      'content.list': text,
      'content.file': text,
      chunker: text,
      index: text,
      domain: z.optional(text),
    }),
  }),
]);

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
  const { listing, secret } = slot;
  const header = encodeHeader('slot', secret.repository);
  const clear = canonicalJson({ v: 1, method: listing.method, kdf: kdfJson(slot.kdf) });
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
  const listingAad = concatBytes(header, fromHex(secret.client));
  const sealedListing = sealObject(
    engine,
    deriveKey(engine, slot.indexKey, 'seal.slot'),
    listingJson,
    listingAad,
    random,
  );
  const open = concatBytes(
    header,
    new ByteWriter(4).u32(clear.length).finish(),
    clear,
    new ByteWriter(4).u32(sealedListing.length).finish(),
    sealedListing,
    commitmentOf(engine, slot.kek),
  );
  const sealed = sealObject(engine, sealingKeyOf(engine, slot.kek), encodeSecret(secret), open, random);
  const whole = concatBytes(open, new ByteWriter(4).u32(sealed.length).finish(), sealed);
  return concatBytes(whole, checkSumOf(engine, slot.indexKey, whole));
}

/** Nothing else tells damage to a slot from a wrong password, and a recovery key is tried only when all else is lost. */
function checkSumOf(engine: Engine, indexKey: Uint8Array, whole: Uint8Array): Uint8Array {
  return engine.blake3(whole, deriveKey(engine, indexKey, 'slot.check'));
}

/** True if no byte has changed since it was written: anybody who opened the repository can tell, of every slot. */
export function slotIsWhole(engine: Engine, indexKey: Uint8Array, { checked }: SlotObject): boolean {
  return checked === undefined || equalBytes(checkSumOf(engine, indexKey, checked.bytes), checked.sum);
}

function encodeSecret(secret: SlotSecret): Uint8Array {
  const { keys } = secret;
  return canonicalJson({
    v: 1,
    repository: secret.repository,
    config0: secret.config0,
    config: secret.config,
    client: secret.client,
    role: keys.role,
    certificate: toBase64(secret.certificate),
    signSeed: toBase64(secret.signSeed),
    kemSeed: toBase64(secret.kemSeed),
    keys:
      keys.role === 'full'
        ? {
            root: toBase64(keys.root),
            epochs: keys.epochs.map((pair) => ({
              epoch: pair.epoch,
              sealSeed: toBase64(pair.sealSeed),
              signSeed: toBase64(pair.signSeed),
            })),
          }
        : {
            'content.data': toBase64(keys.contentData),
            'content.tree': toBase64(keys.contentTree),
            'content.list': toBase64(keys.contentList),
            'content.file': toBase64(keys.contentFile),
            chunker: toBase64(keys.chunker),
            index: toBase64(keys.index),
            domain: keys.domain === undefined ? undefined : toBase64(keys.domain),
          },
  });
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
  const checked = clear.data.method === 'sealed' ? undefined : { bytes, sum: reader.bytes(32) };
  if (checked !== undefined) reader.end();
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
  };
}

/** True if the key belongs to this slot: compared before anything is opened. */
export function slotMatches(engine: Engine, slot: SlotObject, kek: Uint8Array): boolean {
  return equalBytes(commitmentOf(engine, kek), slot.commitment);
}

/** @throws NeoError integrity when the slot was tampered with */
export function openSlot(engine: Engine, slot: SlotObject, kek: Uint8Array): SlotSecret {
  const json = openObject(engine, sealingKeyOf(engine, kek), slot.secret, slot.secretAad);
  const parsed = secretSchema.safeParse(parseJson(json));
  if (!parsed.success) throw new NeoError('integrity', 'key slot is malformed', { cause: parsed.error });
  const data = parsed.data;
  const secret: SlotSecret = {
    repository: repositoryId(data.repository),
    config0: objectName(data.config0),
    config: objectName(data.config),
    client: clientId(data.client),
    certificate: fromBase64(data.certificate),
    signSeed: fromBase64(data.signSeed),
    kemSeed: fromBase64(data.kemSeed),
    keys: data.role === 'full' ? fullKeys(data.keys) : writeKeys(data.keys),
  };
  if (secret.repository !== slot.repository || secret.client !== slot.client) {
    throw new NeoError('integrity', 'key slot belongs to another repository or client');
  }
  return secret;
}

type FullKeysJson = { root: string; epochs: { epoch: number; sealSeed: string; signSeed: string }[] };

function fullKeys(keys: FullKeysJson): SlotKeys {
  return {
    role: 'full',
    root: fromBase64(keys.root),
    epochs: keys.epochs.map((pair) => ({
      epoch: pair.epoch,
      sealSeed: fromBase64(pair.sealSeed),
      signSeed: fromBase64(pair.signSeed),
    })),
  };
}

interface WriteKeysJson {
  'content.data': string;
  'content.tree': string;
  'content.list': string;
  'content.file': string;
  chunker: string;
  index: string;
  domain?: string | undefined;
}

function writeKeys(keys: WriteKeysJson): SlotKeys {
  return {
    role: 'write',
    contentData: fromBase64(keys['content.data']),
    contentTree: fromBase64(keys['content.tree']),
    contentList: fromBase64(keys['content.list']),
    contentFile: fromBase64(keys['content.file']),
    chunker: fromBase64(keys.chunker),
    index: fromBase64(keys.index),
    ...(keys.domain === undefined ? {} : { domain: fromBase64(keys.domain) }),
  };
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
