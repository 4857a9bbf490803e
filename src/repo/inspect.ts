/** Objects as they are, for those who look inside: decoded, and authenticated where they are signed. */
import { ByteReader, toHex } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type Json, parseJson } from '../core/json.ts';
import type { BlobEntry } from './blob-entry.ts';
import type { Certificate } from './certificate.ts';
import { type KINDS, type ObjectKind, readHeader } from './header.ts';
import { decodeSegment } from './index/segment.ts';
import { FOOTER_LENGTH, openDirectory, readFooter } from './pack/pack.ts';
import type { Repository } from './repository.ts';
import { packsOfShare } from './share.ts';
import { decodeSealedSigned } from './signed-object.ts';

/** Kinds whose body is JSON in a sealed signed object, by the folder in which they lie. */
const SEALED: Readonly<Record<string, ObjectKind>> = {
  removals: 'removal',
  tombs: 'tomb',
  sessions: 'session',
  records: 'record',
  digests: 'digest',
};

/**
 * What an object of any folder but `snapshots/` says.
 * @throws NeoError integrity when it is damaged or not signed by anybody of this repository; usage for a path that is none
 */
export function decodeObject(repository: Repository, path: string, bytes: Uint8Array): Json {
  const folder = path.slice(0, path.indexOf('/'));
  switch (folder) {
    case 'config':
      return { clear: clearOf(bytes, 'config') };
    case 'keys':
      return { clear: clearOf(bytes, 'slot') };
    case 'index':
      return segmentOf(repository, bytes);
    case 'packs':
      return directoryOf(repository, bytes);
    case 'shares':
      // Its signature is verified by the way.
      return { packs: [...packsOfShare(repository, bytes)], clear: clearOf(bytes, 'share') };
    default:
      return sealedOf(repository, path, folder, bytes);
  }
}

function sealedOf(repository: Repository, path: string, folder: string, bytes: Uint8Array): Json {
  const kind = path.endsWith('.swept') ? 'swept' : SEALED[folder];
  if (kind === undefined) throw new NeoError('usage', `no object of neo lies at ${path}`);
  const { body, signer } = decodeSealedSigned(repository, kind, repository.keys.index, bytes);
  return { kind, signer: signerJson(signer), body: parseJson(body) as Json };
}

/** The JSON after the header, which anybody can read. */
function clearOf(bytes: Uint8Array, kind: keyof typeof KINDS): Json {
  const reader = new ByteReader(bytes);
  readHeader(reader, kind);
  return parseJson(reader.bytes(reader.u32())) as Json;
}

export function signerJson({ client, role, epoch, created, expires }: Certificate): Json {
  return { client, role, epoch, created, expires };
}

function segmentOf(repository: Repository, bytes: Uint8Array): Json {
  const { body, signer } = decodeSealedSigned(repository, 'index', repository.keys.index, bytes);
  const { final, session, covered, replaced, packs } = decodeSegment(body);
  return {
    kind: 'index',
    signer: signerJson(signer),
    final,
    session,
    covered: [...covered],
    replaced: [...replaced],
    packs: packs.map(({ name, size, author, authorRole, verified, entries }) => ({
      name,
      size,
      author,
      authorRole,
      ...(verified === undefined ? {} : { verified }),
      blobs: entries.map(entryJson),
    })),
  };
}

function directoryOf(repository: Repository, bytes: Uint8Array): Json {
  const length = readFooter(bytes.subarray(-FOOTER_LENGTH), bytes.length);
  const sealed = bytes.subarray(bytes.length - FOOTER_LENGTH - length, bytes.length - FOOTER_LENGTH);
  const { author, session, entries } = openDirectory({ ...repository, indexKey: repository.keys.index }, sealed);
  return { kind: 'pack', size: bytes.length, signer: signerJson(author), session, blobs: entries.map(entryJson) };
}

export function entryJson({ id, kind, contentEpoch, offset, length, hash }: BlobEntry): Json {
  return { id: toHex(id), kind, contentEpoch, offset, length, hash: toHex(hash) };
}

/** True if the bytes are those that the name was made of; undefined for objects that are not named by their content. */
export function isAsNamed(
  { engine }: Pick<Repository, 'engine'>,
  path: string,
  bytes: Uint8Array,
): boolean | undefined {
  const name = /([0-9a-f]{64})(?:\.swept)?$/.exec(path)?.[1];
  return name === undefined ? undefined : toHex(engine.blake3(bytes)) === name;
}
