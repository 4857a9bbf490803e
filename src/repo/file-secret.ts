/** The secret in a file that opens something: open, under a password, or sealed to a person (docs/format.md, section 4). */
import { fromBase64, toBase64 } from '../core/bytes.ts';
import { isNeoError, NeoError } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import type { Random } from '../core/random.ts';
import { z } from '../core/schema.ts';
import { openObject, sealObject } from '../engine/aead.ts';
import type { Engine } from '../engine/engine.ts';
import { checkKdfBounds, derivePasswordKey, type KdfParameters } from '../engine/kdf.ts';
import { deriveKey } from '../engine/keys.ts';
import { kdfJson, kdfSchema, normalisePassword, parseKdf } from './key-slots.ts';

export interface ProtectedSecret {
  readonly type: 'protected';
  readonly kdf: KdfParameters;
  readonly box: Uint8Array;
}

/** `kem`: X-Wing ciphertext, 1,120 bytes. */
export interface SealedSecret {
  readonly type: 'sealed';
  readonly kem: Uint8Array;
  readonly box: Uint8Array;
}

export type FileSecret = { readonly type: 'open'; readonly secret: Uint8Array } | ProtectedSecret | SealedSecret;

/** The members of the file's JSON that hold it: one of them. */
export const secretMembers = {
  secret: z.optional(z.string()),
  protected: z.optional(z.object({ kdf: kdfSchema, box: z.string() })),
  sealed: z.optional(z.object({ kem: z.string(), box: z.string() })),
};

const KEM_CIPHERTEXT = 1120;
const NO_AAD = new Uint8Array();
const membersSchema = z.object(secretMembers);

export function secretJson(secret: FileSecret): { readonly [member: string]: Json } {
  switch (secret.type) {
    case 'open':
      return { secret: toBase64(secret.secret) };
    case 'protected':
      return { protected: { kdf: kdfJson(secret.kdf), box: toBase64(secret.box) } };
    case 'sealed':
      return { sealed: { kem: toBase64(secret.kem), box: toBase64(secret.box) } };
  }
}

/** @throws NeoError integrity when there is none */
export function parseSecret(data: z.infer<typeof membersSchema>): FileSecret {
  if (data.secret !== undefined) return { type: 'open', secret: fromBase64(data.secret) };
  if (data.sealed !== undefined) {
    const kem = fromBase64(data.sealed.kem);
    if (kem.length !== KEM_CIPHERTEXT) throw new NeoError('integrity', 'a sealed secret of a wrong length');
    return { type: 'sealed', kem, box: fromBase64(data.sealed.box) };
  }
  const kdf = data.protected === undefined ? undefined : parseKdf(data.protected.kdf);
  if (data.protected === undefined || kdf === undefined) throw new NeoError('integrity', 'a file without its secret');
  return { type: 'protected', kdf, box: fromBase64(data.protected.box) };
}

async function boxKey(engine: Engine, password: Uint8Array, kdf: KdfParameters): Promise<Uint8Array> {
  return engine.blake3Derive('neo/v1 key file', await derivePasswordKey(engine, normalisePassword(password), kdf));
}

export async function protectSecret(
  engine: Engine,
  random: Random,
  secret: Uint8Array,
  password: Uint8Array,
  kdf: KdfParameters,
): Promise<ProtectedSecret> {
  const key = await boxKey(engine, password, kdf);
  return { type: 'protected', kdf, box: sealObject(engine, key, secret, NO_AAD, random) };
}

/** @throws NeoError wrong-password */
export async function unprotectSecret(
  engine: Engine,
  { kdf, box }: ProtectedSecret,
  password: Uint8Array,
): Promise<Uint8Array> {
  checkKdfBounds(kdf);
  const key = await boxKey(engine, password, kdf);
  return openBox(engine, key, box, NO_AAD, 'wrong password for this file');
}

/** For whoever has the private half of `recipient`, an X-Wing public key. */
export function sealSecret(engine: Engine, random: Random, secret: Uint8Array, recipient: Uint8Array): SealedSecret {
  const { ciphertext, secret: shared } = engine.kemEncapsulate(recipient, random.bytes(64));
  const key = deriveKey(engine, shared, 'file.sealed');
  return { type: 'sealed', kem: ciphertext, box: sealObject(engine, key, secret, ciphertext, random) };
}

/** @param seed private half, 32 bytes. @throws NeoError wrong-password when it was sealed to another, or altered */
export function unsealSecret(engine: Engine, { kem, box }: SealedSecret, seed: Uint8Array): Uint8Array {
  const key = deriveKey(engine, engine.kemDecapsulate(seed, kem), 'file.sealed');
  return openBox(engine, key, box, kem, 'this file was made for another identity, or altered');
}

function openBox(engine: Engine, key: Uint8Array, box: Uint8Array, aad: Uint8Array, failure: string): Uint8Array {
  try {
    return openObject(engine, key, box, aad);
  } catch (cause) {
    if (!isNeoError(cause, 'integrity')) throw cause;
    throw new NeoError('wrong-password', failure, { cause });
  }
}
