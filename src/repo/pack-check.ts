/** A whole pack looked at: is it what its name says, and which of its blobs are still whole? */
import { ByteReader, equalBytes, toHex } from '../core/bytes.ts';
import { isNeoError, messageOf } from '../core/errors.ts';
import type { ObjectName } from '../core/ids.ts';
import type { Engine } from '../engine/engine.ts';
import type { BlobEntry } from './blob-entry.ts';
import type { Certificate } from './certificate.ts';
import { HEADER_LENGTH, readHeader } from './header.ts';
import type { RepositoryKeys } from './keyring.ts';
import {
  FOOTER_LENGTH,
  openDirectory,
  type PackDirectory,
  PackHash,
  packPath as pathOf,
  readFooter,
} from './pack/pack.ts';
import type { ObjectContext } from './signed-object.ts';

export interface ExaminedPack {
  /** What is wrong with the object as a whole. */
  readonly faults: readonly string[];
  /** It is whole, and all that stands in `faults` is that it is of a later version. */
  readonly newer: boolean;
  /** Undefined when the directory cannot be read or nobody of this repository signed it. */
  readonly directory: { readonly author: Certificate; readonly entries: readonly BlobEntry[] } | undefined;
  /** Of the directory's entries, those whose bytes are the ones that were written. */
  readonly whole: ReadonlySet<BlobEntry>;
  /** Of those, the ones that are not what their ids say. */
  readonly wrong: ReadonlySet<BlobEntry>;
}

/** What is needed of a repository to judge its packs. */
export interface PackJudge extends ObjectContext {
  readonly keys: Pick<RepositoryKeys, 'index'>;
}

/** Whether a blob opens and gives the content that its id stands for; undefined if nobody can tell. */
export type Opens = (entry: BlobEntry) => boolean | undefined;

export function packPath(name: ObjectName): string {
  return pathOf(name);
}

/**
 * Recomputes the name, the directory's signature and hashes. What it finds is in the result.
 *
 * The name and the hash of all before the directory come out of one pass. Where both hold, the bytes are those that the
 * author signed, and a blob of them that opens under its content key needs no third hash: what its entry's hash would
 * say of it is implied. All other blobs (nobody's, of a pack that is damaged, not opening) are hashed one by one.
 */
export function examinePack(
  repository: PackJudge,
  name: ObjectName,
  bytes: Uint8Array,
  opens: Opens = () => undefined,
): ExaminedPack {
  const faults: string[] = [];
  let later = 0;
  const attempt = <T>(act: () => T): T | undefined => {
    try {
      return act();
    } catch (error) {
      // Of a later version, too: one pack, which any client can put there, must not end a check of all others.
      if (!isNeoError(error, 'integrity') && !isNeoError(error, 'needs-newer-neo')) throw error;
      faults.push(messageOf(error));
      if (error.code === 'needs-newer-neo') later += 1;
      return undefined;
    }
  };
  const hashes = hashesOf(repository.engine, bytes);
  // A newer format must not look like damage, and damage must not look like a newer format: the name decides.
  const named = hashes.all === name;
  if (!named) faults.push('bytes do not give its name');
  if (named) attempt(() => readHeader(new ByteReader(bytes), 'pack', repository.repository));
  const directory = attempt(() => directoryOf(repository, bytes, named));
  const isSigned =
    directory !== undefined && hashes.before !== undefined && equalBytes(hashes.before, directory.before);
  const blobs = judgeBlobs(repository.engine, bytes, directory?.entries ?? [], named && isSigned, opens);
  if (named && directory !== undefined) {
    const broken = directory.entries.length - blobs.whole.size;
    if (broken > 0) faults.push(`${broken} blobs do not have the hashes that its directory gives`);
    if (!isSigned) faults.push('its blobs were exchanged');
  }
  return { faults, newer: later > 0 && later === faults.length, directory, ...blobs };
}

function judgeBlobs(
  engine: Engine,
  bytes: Uint8Array,
  entries: readonly BlobEntry[],
  isIntact: boolean,
  opens: Opens,
): Pick<ExaminedPack, 'whole' | 'wrong'> {
  const whole = new Set<BlobEntry>();
  const wrong = new Set<BlobEntry>();
  for (const entry of entries) {
    if (!isInside(bytes, entry)) continue;
    const isProven = isIntact && opens(entry) === true;
    if (!isProven && !hasItsHash(engine, bytes, entry)) continue;
    whole.add(entry);
    if (!isProven && opens(entry) === false) wrong.add(entry);
  }
  return { whole, wrong };
}

interface PackHashes {
  readonly all: string;
  /** Of what lies before the directory; undefined without a footer that says where that is. */
  readonly before: Uint8Array | undefined;
}

function hashesOf(engine: Engine, bytes: Uint8Array): PackHashes {
  const at = directoryStart(bytes);
  if (at === undefined) return { all: toHex(engine.blake3(bytes)), before: undefined };
  const hash = new PackHash(engine);
  const before = hash.upTo(bytes, at);
  return { all: toHex(hash.upTo(bytes, bytes.length)), before };
}

function directoryStart(bytes: Uint8Array): number | undefined {
  try {
    const footer = bytes.subarray(Math.max(0, bytes.length - FOOTER_LENGTH));
    return bytes.length - FOOTER_LENGTH - readFooter(footer, bytes.length);
  } catch (error) {
    if (isNeoError(error, 'integrity') || isNeoError(error, 'needs-newer-neo')) return undefined;
    throw error;
  }
}

function directoryOf(repository: PackJudge, bytes: Uint8Array, named: boolean): PackDirectory | undefined {
  try {
    const footer = bytes.subarray(Math.max(0, bytes.length - FOOTER_LENGTH));
    const length = readFooter(footer, bytes.length);
    const at = bytes.length - FOOTER_LENGTH - length;
    const context = { ...repository, indexKey: repository.keys.index };
    return openDirectory(context, bytes.subarray(at, at + length));
  } catch (error) {
    if (!named && isNeoError(error, 'needs-newer-neo')) return undefined;
    throw error;
  }
}

function isInside(bytes: Uint8Array, { offset, length }: BlobEntry): boolean {
  return offset >= HEADER_LENGTH && offset + length <= bytes.length;
}

function hasItsHash(engine: Engine, bytes: Uint8Array, { offset, length, hash }: BlobEntry): boolean {
  return equalBytes(engine.blake3(bytes.subarray(offset, offset + length)), hash);
}
