/** Who a client is: its public key and role, signed by the repository (docs/format.md, section 2). */
import { ByteReader, ByteWriter, concatBytes, copyOf, fromHex, toHex } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type ClientId, clientId, type RepositoryId } from '../core/ids.ts';
import type { Engine } from '../engine/engine.ts';
import { signBytes, verifySignatures } from '../engine/identity.ts';

export type Role = 'full' | 'write';

export function roleByte(role: Role): number {
  return role === 'full' ? 1 : 2;
}

/** @throws NeoError integrity */
export function roleOf(byte: number): Role {
  if (byte !== 1 && byte !== 2) throw new NeoError('integrity', `unknown role ${byte}`);
  return byte === 1 ? 'full' : 'write';
}

export interface Certificate {
  readonly client: ClientId;
  readonly role: Role;
  readonly epoch: number;
  /** Milliseconds since 1970; expires 0 = never. */
  readonly created: number;
  readonly expires: number;
  readonly signPublic: Uint8Array;
  /** BLAKE3 of the client's X-Wing public key. */
  readonly kemHash: Uint8Array;
  /** As it stands in objects, signatures included. */
  readonly encoded: Uint8Array;
}

const BODY_LENGTH = 1 + 16 + 1 + 4 + 8 + 8 + 32 + 32;

export function issueCertificate(
  engine: Engine,
  repository: RepositoryId,
  issuerSeed: Uint8Array,
  fields: Omit<Certificate, 'encoded'>,
): Certificate {
  const body = new ByteWriter(BODY_LENGTH)
    .u8(1)
    .bytes(fromHex(fields.client))
    .u8(roleByte(fields.role))
    .u32(fields.epoch)
    .u64(fields.created)
    .u64(fields.expires)
    .bytes(fields.signPublic)
    .bytes(fields.kemHash)
    .finish();
  const signatures = signBytes(engine, issuerSeed, 'certificate', fromHex(repository), body);
  return { ...fields, encoded: concatBytes(body, signatures) };
}

/** Decodes without verifying. @throws NeoError integrity when malformed */
export function decodeCertificate(encoded: Uint8Array): Certificate {
  const reader = new ByteReader(encoded);
  if (reader.u8() !== 1) throw new NeoError('integrity', 'unknown kind of certificate');
  const client = clientId(toHex(reader.bytes(16)));
  const role = roleOf(reader.u8());
  const epoch = reader.u32();
  const created = reader.u64();
  const expires = reader.u64();
  const signPublic = copyOf(reader.bytes(32));
  const kemHash = copyOf(reader.bytes(32));
  return { client, role, epoch, created, expires, signPublic, kemHash, encoded: copyOf(encoded) };
}

/** True if the repository's signing pair (of the certificate's epoch) signed it. */
export function certificateIsValid(
  engine: Engine,
  repository: RepositoryId,
  certificate: Certificate,
  issuerPublic: Uint8Array | undefined,
): boolean {
  if (issuerPublic === undefined) return false;
  const body = certificate.encoded.subarray(0, BODY_LENGTH);
  const signatures = certificate.encoded.subarray(BODY_LENGTH);
  return verifySignatures(engine, issuerPublic, 'certificate', fromHex(repository), body, signatures);
}

/**
 * Expiry forbids making new objects; what was made before stays valid.
 * @param now the storage's clock, milliseconds
 * @throws NeoError permission-denied
 */
export function refuseExpired({ expires }: Certificate, now: number): void {
  if (expires === 0 || now < expires) return;
  throw new NeoError('permission-denied', `this key expired on ${new Date(expires).toISOString().slice(0, 10)}`, {
    hint: 'it still reads what it could read; to write, use another key or have a new one made: neo key add',
  });
}
