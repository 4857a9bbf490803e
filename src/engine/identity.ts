/**
 * Signatures over objects: each covers "neo/v1 " ‖ kind ‖ 0x00 ‖ repository id ‖ bytes, and stands in a list of
 * (algorithm, value), so that a second algorithm can come beside Ed25519 without a new format.
 */
import { type ByteReader, ByteWriter, concatBytes, discard, ByteReader as Reader, utf8 } from '../core/bytes.ts';
import { isNeoError, NeoError } from '../core/errors.ts';
import type { Engine } from './engine.ts';

export const SIGNATURE_ALGORITHMS = { ed25519: 1 } as const;

function signedBytes(kindName: string, repositoryId: Uint8Array, bytes: Uint8Array): Uint8Array {
  if (repositoryId.length !== 16) throw new NeoError('failed', 'a repository id is 16 bytes');
  return concatBytes(utf8(`neo/v1 ${kindName}\0`), repositoryId, bytes);
}

/** An encoded signature list: count u8, then each algorithm u8, length u16 LE, value. */
export function signBytes(
  engine: Engine,
  seed: Uint8Array,
  kindName: string,
  repositoryId: Uint8Array,
  bytes: Uint8Array,
): Uint8Array {
  const value = engine.sign(seed, signedBytes(kindName, repositoryId, bytes));
  return new ByteWriter(68).u8(1).u8(SIGNATURE_ALGORITHMS.ed25519).u16(value.length).bytes(value).finish();
}

interface Signature {
  readonly algorithm: number;
  readonly value: Uint8Array;
}

function parseList(reader: ByteReader): Signature[] {
  const signatures: Signature[] = [];
  for (let left = reader.u8(); left > 0; left--) {
    const algorithm = reader.u8();
    signatures.push({ algorithm, value: reader.bytes(reader.u16()) });
  }
  return signatures;
}

/**
 * Unknown algorithms are skipped; at least one known signature must be there, and every known one must verify.
 * A malformed list is false, not an error: whoever made it did not sign.
 */
export function verifySignatures(
  engine: Engine,
  publicKey: Uint8Array,
  kindName: string,
  repositoryId: Uint8Array,
  bytes: Uint8Array,
  list: Uint8Array,
): boolean {
  const known = knownSignatures(list);
  const message = signedBytes(kindName, repositoryId, bytes);
  return known.length > 0 && known.every(({ value }) => engine.verify(publicKey, message, value));
}

/** As {@link verifySignatures}, in another thread where there is one. */
export async function verifySignaturesLater(
  engine: Engine,
  publicKey: Uint8Array,
  kindName: string,
  repositoryId: Uint8Array,
  bytes: Uint8Array,
  list: Uint8Array,
): Promise<boolean> {
  const known = knownSignatures(list);
  const message = signedBytes(kindName, repositoryId, bytes);
  let right = known.length > 0;
  for (const { value } of known) right &&= await engine.verifyLater(publicKey, message, value);
  discard(message);
  return right;
}

function knownSignatures(list: Uint8Array): Signature[] {
  try {
    const reader = new Reader(list);
    const signatures = parseList(reader);
    reader.end();
    return signatures.filter(({ algorithm }) => algorithm === SIGNATURE_ALGORITHMS.ed25519);
  } catch (error) {
    if (isNeoError(error, 'integrity')) return [];
    throw error;
  }
}

/** Takes one signature list from the reader and returns its raw bytes. @throws NeoError integrity when cut short */
export function readSignatures(reader: ByteReader): Uint8Array {
  const writer = new ByteWriter(68);
  const signatures = parseList(reader);
  writer.u8(signatures.length);
  for (const { algorithm, value } of signatures) writer.u8(algorithm).u16(value.length).bytes(value);
  return writer.finish();
}
