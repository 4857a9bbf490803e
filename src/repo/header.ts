/** The first 24 bytes of every object (docs/format.md, section 2). */
import { type ByteReader, ByteWriter, equalBytes, fromHex, toHex, utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type RepositoryId, repositoryId } from '../core/ids.ts';

export const KINDS = {
  config: 1,
  slot: 2,
  pack: 3,
  index: 4,
  snapshot: 5,
  removal: 6,
  tomb: 7,
  session: 8,
  record: 9,
  share: 10,
  digest: 11,
  swept: 12,
} as const;
export type ObjectKind = keyof typeof KINDS;

export const FORMAT_VERSION = 1;
export const HEADER_LENGTH = 24;
export const MAGIC = utf8('neo\0');

/** XChaCha20-Poly1305 where there is a sealed part. */
function suiteOf(kind: ObjectKind): number {
  return kind === 'config' ? 0 : 3;
}

export function encodeHeader(kind: ObjectKind, repository: RepositoryId): Uint8Array {
  return new ByteWriter(HEADER_LENGTH)
    .bytes(MAGIC)
    .u16(FORMAT_VERSION)
    .u8(KINDS[kind])
    .u8(suiteOf(kind))
    .bytes(fromHex(repository))
    .finish();
}

/**
 * Reads the header and returns the repository id in it.
 * @throws NeoError integrity for another kind or repository, needs-newer-neo for a later version
 */
export function readHeader(reader: ByteReader, kind: ObjectKind, repository?: RepositoryId): RepositoryId {
  if (!equalBytes(reader.bytes(4), MAGIC)) throw new NeoError('integrity', `not a ${kind} object of neo`);
  const version = reader.u16();
  if (version > FORMAT_VERSION) throw newerNeo(`a ${kind} object of format version ${version}`);
  if (version < 1) throw new NeoError('integrity', `a ${kind} object of format version ${version}`);
  const found = reader.u8();
  const suite = reader.u8();
  const id = repositoryId(toHex(reader.bytes(16)));
  if (found !== KINDS[kind]) throw new NeoError('integrity', `object of kind ${found} in place of a ${kind}`);
  if (suite !== suiteOf(kind)) throw new NeoError('integrity', `${kind} object of unknown suite ${suite}`);
  if (repository !== undefined && id !== repository) {
    throw new NeoError('integrity', `${kind} object belongs to another repository`);
  }
  return id;
}

export function newerNeo(what: string): NeoError {
  return new NeoError('needs-newer-neo', `the repository has ${what}, which this neo does not know`, {
    hint: 'install a newer neo; nothing was changed',
  });
}
