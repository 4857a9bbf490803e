/** A whole pack looked at: is it what its name says, and which of its blobs are still whole? */
import { ByteReader, equalBytes, toHex } from '../core/bytes.ts';
import { isNeoError, messageOf } from '../core/errors.ts';
import type { ObjectName } from '../core/ids.ts';
import type { BlobEntry } from './blob-entry.ts';
import type { Certificate } from './certificate.ts';
import { HEADER_LENGTH, readHeader } from './header.ts';
import { FOOTER_LENGTH, openDirectory, type PackDirectory, packPath as pathOf, readFooter } from './pack/pack.ts';
import type { Repository } from './repository.ts';

export interface ExaminedPack {
  /** What is wrong with the object as a whole. */
  readonly faults: readonly string[];
  /** It is whole, and all that stands in `faults` is that it is of a later version. */
  readonly newer: boolean;
  /** Undefined when the directory cannot be read or nobody of this repository signed it. */
  readonly directory: { readonly author: Certificate; readonly entries: readonly BlobEntry[] } | undefined;
  /** Of the directory's entries, those whose bytes have the hash that it gives. */
  readonly whole: ReadonlySet<BlobEntry>;
}

export function packPath(name: ObjectName): string {
  return pathOf(name);
}

/** Recomputes the name, the directory's signature and hashes. What it finds is in the result. */
export function examinePack(
  repository: Pick<Repository, 'engine' | 'repository' | 'issuers' | 'keys'>,
  name: ObjectName,
  bytes: Uint8Array,
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
  // A newer format must not look like damage, and damage must not look like a newer format: the name decides.
  const named = toHex(repository.engine.blake3(bytes)) === name;
  if (!named) faults.push('bytes do not give its name');
  if (named) attempt(() => readHeader(new ByteReader(bytes), 'pack', repository.repository));
  const directory = attempt(() => directoryOf(repository, bytes, named));
  const whole = new Set(directory?.entries.filter((entry) => isWhole(repository, bytes, entry)));
  if (named && directory !== undefined) {
    const broken = directory.entries.length - whole.size;
    if (broken > 0) faults.push(`${broken} blobs do not have the hashes that its directory gives`);
    if (!equalBytes(repository.engine.blake3(bytes.subarray(0, directory.at)), directory.before)) {
      faults.push('its blobs were exchanged');
    }
  }
  return { faults, newer: later > 0 && later === faults.length, directory, whole };
}

type Directory = PackDirectory & { readonly at: number };

function directoryOf(
  repository: Pick<Repository, 'engine' | 'repository' | 'issuers' | 'keys'>,
  bytes: Uint8Array,
  named: boolean,
): Directory | undefined {
  try {
    const footer = bytes.subarray(Math.max(0, bytes.length - FOOTER_LENGTH));
    const length = readFooter(footer, bytes.length);
    const at = bytes.length - FOOTER_LENGTH - length;
    const context = { ...repository, indexKey: repository.keys.index };
    return { ...openDirectory(context, bytes.subarray(at, at + length)), at };
  } catch (error) {
    if (!named && isNeoError(error, 'needs-newer-neo')) return undefined;
    throw error;
  }
}

function isWhole(repository: Pick<Repository, 'engine'>, bytes: Uint8Array, entry: BlobEntry): boolean {
  const end = entry.offset + entry.length;
  if (entry.offset < HEADER_LENGTH || end > bytes.length) return false;
  return equalBytes(repository.engine.blake3(bytes.subarray(entry.offset, end)), entry.hash);
}
