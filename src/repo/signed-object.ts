/** Sealed signed objects: one envelope for index segments, removals, tombs, records … (docs/format.md, section 2). */
import { ByteReader, ByteWriter, concatBytes, fromHex } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { RepositoryId } from '../core/ids.ts';
import type { Random } from '../core/random.ts';
import { openObject, sealObject } from '../engine/aead.ts';
import type { Engine } from '../engine/engine.ts';
import { signBytes, verifySignatures, verifySignaturesLater } from '../engine/identity.ts';
import { deriveKey } from '../engine/keys.ts';
import { type Certificate, certificateIsValid, decodeCertificate, type Role } from './certificate.ts';
import { encodeHeader, type ObjectKind, readHeader } from './header.ts';

/** What it takes to make objects in a client's name. */
export interface Signer {
  readonly certificate: Certificate;
  readonly seed: Uint8Array;
}

/** The repository's signing public keys by epoch, as the verified config chain gives them. */
export type Issuers = ReadonlyMap<number, Uint8Array>;

export interface ObjectContext {
  readonly engine: Engine;
  readonly repository: RepositoryId;
  readonly issuers: Issuers;
}

/**
 * Appends the certificate and a signature over everything so far.
 * @throws NeoError permission-denied for a key that a rotation has left out
 */
export function signObject(context: ObjectContext, kind: ObjectKind, signer: Signer, unsigned: Uint8Array): Uint8Array {
  if (Math.max(...context.issuers.keys()) > signer.certificate.epoch) {
    throw new NeoError('permission-denied', 'this key was left out when keys were rotated: it makes nothing new', {
      hint: 'use another key, or have one made: neo key add',
    });
  }
  const certificate = signer.certificate.encoded;
  const signed = concatBytes(unsigned, new ByteWriter(2).u16(certificate.length).finish(), certificate);
  const list = signBytes(context.engine, signer.seed, kind, fromHex(context.repository), signed);
  return concatBytes(signed, list);
}

/**
 * Reads `u16 length ‖ certificate ‖ signature list` at the reader's place and verifies it over all bytes before the list.
 * `bytes` is what the reader reads; the list must reach to its end unless `trailing` bytes may follow.
 * @throws NeoError integrity when the certificate or the signature is not valid
 */
export function readSignature(
  context: ObjectContext,
  kind: ObjectKind,
  bytes: Uint8Array,
  reader: ByteReader,
  trailing = false,
): Certificate {
  const certificate = decodeCertificate(reader.bytes(reader.u16()));
  const signed = bytes.subarray(0, reader.offset);
  const list = trailing ? readList(reader) : reader.bytes(reader.remaining);
  requireIssued(context, kind, certificate);
  if (!verifySignatures(context.engine, certificate.signPublic, kind, fromHex(context.repository), signed, list)) {
    throw wrongSignature(kind);
  }
  return certificate;
}

/** Certificates found valid, by who issued them: thousands of objects carry the same few. */
const valid = new WeakMap<Issuers, Set<string>>();

function requireIssued(context: ObjectContext, kind: ObjectKind, certificate: Certificate): void {
  const { engine, repository, issuers } = context;
  const text = `${repository} ${Buffer.from(certificate.encoded).toString('latin1')}`;
  const known = valid.get(issuers);
  if (known?.has(text) === true) return;
  if (!certificateIsValid(engine, repository, certificate, issuers.get(certificate.epoch))) {
    throw new NeoError('integrity', `${kind} object carries a certificate that this repository did not issue`);
  }
  if (known === undefined) valid.set(issuers, new Set([text]));
  else known.add(text);
}

function wrongSignature(kind: ObjectKind): NeoError {
  return new NeoError('integrity', `${kind} object has a wrong signature`);
}

function readList(reader: ByteReader): Uint8Array {
  const list = new ByteWriter(80);
  const count = reader.u8();
  list.u8(count);
  for (let i = 0; i < count; i++) {
    const algorithm = reader.u8();
    const length = reader.u16();
    list.u8(algorithm).u16(length).bytes(reader.bytes(length));
  }
  return list.finish();
}

export function encodeSealedSigned(
  context: ObjectContext & { readonly random: Random },
  kind: ObjectKind,
  indexKey: Uint8Array,
  signer: Signer,
  body: Uint8Array,
): Uint8Array {
  const header = encodeHeader(kind, context.repository);
  const key = deriveKey(context.engine, indexKey, `seal.${kind}`);
  const sealed = sealObject(context.engine, key, body, header, context.random);
  const unsigned = concatBytes(header, new ByteWriter(4).u32(sealed.length).finish(), sealed);
  return signObject(context, kind, signer, unsigned);
}

export interface SealedSigned {
  readonly body: Uint8Array;
  readonly signer: Certificate;
}

/** @throws NeoError integrity, needs-newer-neo */
export function decodeSealedSigned(
  context: ObjectContext,
  kind: ObjectKind,
  indexKey: Uint8Array,
  object: Uint8Array,
): SealedSigned {
  const { reader, header, sealed } = readSealed(context, kind, object);
  const signer = readSignature(context, kind, object, reader);
  const key = deriveKey(context.engine, indexKey, `seal.${kind}`);
  return { body: openObject(context.engine, key, sealed, header), signer };
}

/** As {@link decodeSealedSigned}; the signature is verified in another thread where there is one. */
export async function openSealedSigned(
  context: ObjectContext,
  kind: ObjectKind,
  indexKey: Uint8Array,
  object: Uint8Array,
): Promise<SealedSigned> {
  const { reader, header, sealed } = readSealed(context, kind, object);
  const signer = decodeCertificate(reader.bytes(reader.u16()));
  const signed = object.subarray(0, reader.offset);
  const list = reader.bytes(reader.remaining);
  requireIssued(context, kind, signer);
  const id = fromHex(context.repository);
  if (!(await verifySignaturesLater(context.engine, signer.signPublic, kind, id, signed, list))) {
    throw wrongSignature(kind);
  }
  const key = deriveKey(context.engine, indexKey, `seal.${kind}`);
  return { body: openObject(context.engine, key, sealed, header), signer };
}

/** The role of whoever signed it, if the signature proves right: nobody has verified that here. @throws NeoError integrity */
export function claimedRole(context: ObjectContext, kind: ObjectKind, object: Uint8Array): Role {
  const { reader } = readSealed(context, kind, object);
  return decodeCertificate(reader.bytes(reader.u16())).role;
}

/** A certificate that stood beside a right signature before: whether it is one of this repository. @throws NeoError integrity */
export function issuedCertificate(context: ObjectContext, kind: ObjectKind, encoded: Uint8Array): Certificate {
  const certificate = decodeCertificate(encoded);
  requireIssued(context, kind, certificate);
  return certificate;
}

interface Sealed {
  /** At the certificate. */
  readonly reader: ByteReader;
  readonly header: Uint8Array;
  readonly sealed: Uint8Array;
}

function readSealed(context: ObjectContext, kind: ObjectKind, object: Uint8Array): Sealed {
  const reader = new ByteReader(object);
  readHeader(reader, kind, context.repository);
  const header = object.subarray(0, reader.offset);
  return { header, sealed: reader.bytes(reader.u32()), reader };
}
