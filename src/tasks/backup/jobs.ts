/** What main and workers of a backup say to each other; all of it can be cloned between threads. */

import type { ChunkerParameters } from '../../chunker/chunker.ts';
import type { RepositoryId, SessionId } from '../../core/ids.ts';
import type { SharedBytes } from '../../core/shared-buffers.ts';
import type { StageBudget } from '../../core/stages.ts';
import type { EngineName } from '../../engine/engine.ts';
import type { FileStat } from '../../fs/stat.ts';
import type { OpenPack } from '../../repo/blob-writer.ts';
import type { BundleParameters, RepositoryConfig } from '../../repo/config.ts';
import type { ContentSecrets } from '../../repo/keyring.ts';
import type { Signer } from '../../repo/signed-object.ts';
import type { Content, Extent, Xattr } from '../../snapshot/node.ts';
import type { FileRequests } from './file-requests.ts';

/** What a worker is told once. */
export interface WorkerSetup {
  readonly engine: EngineName;
  readonly repository: RepositoryId;
  readonly session: SessionId;
  readonly signer: Signer;
  readonly content: ContentSecrets;
  readonly chunkerKey: Uint8Array;
  readonly indexKey: Uint8Array;
  readonly suite: RepositoryConfig['blobSuite'];
  readonly chunker: ChunkerParameters;
  readonly bundle: BundleParameters;
  readonly packTarget: number;
  /** zstd level; 0 = raw. */
  readonly level: number;
  /** Parts of chunk lists come back with their files. */
  readonly returnLists: boolean;
  readonly index: readonly SharedArrayBuffer[];
  /** What each stage takes is measured. */
  readonly profile: boolean;
}

export interface FileRequest {
  /** Whole path on disk, its bytes as latin1: text is cheap to hand to a thread. */
  readonly path: string;
  /** As the walk saw it. */
  readonly inode: bigint;
  readonly device: bigint;
}

export type Job =
  /** Reads small files into `into`, to be bundled. */
  | { readonly type: 'small'; readonly files: FileRequests; readonly into: SharedBytes }
  /** Reads and stores one file in chunks; with a queue, others may seal some of them (seal-queue.ts). */
  | { readonly type: 'large'; readonly file: FileRequest; readonly queue?: SharedArrayBuffer }
  /** Seals chunks that another thread reads. */
  | { readonly type: 'help'; readonly queue: SharedArrayBuffer }
  /** Stores data blobs as they are. */
  | { readonly type: 'bundles'; readonly bundles: readonly SharedBytes[] }
  /** Stores trees and lists, one behind the other in `bytes`. */
  | { readonly type: 'metadata'; readonly bytes: SharedBytes; readonly blobs: readonly MetadataBlob[] }
  /** Gives up the open packs. */
  | { readonly type: 'flush' };

export interface MetadataBlob {
  readonly kind: 'tree' | 'list';
  readonly length: number;
}

/** What is known of a file once it was open. */
export interface FileFacts {
  /** Belongs to the bytes that were read. */
  readonly stat: FileStat;
  readonly xattrs?: readonly Xattr[];
  readonly xattrContent?: Content;
  readonly extents?: readonly Extent[];
  readonly extentContent?: Content;
  readonly flags: number;
  /** It has an access control list. */
  readonly acl: boolean;
  /** Keyed BLAKE3 of the content; absent if it is empty. */
  readonly hash?: Uint8Array;
  /** It changed while it was read, each time that was tried. */
  readonly unstable: boolean;
  /** Metadata that could not be read, for people. */
  readonly problems: readonly string[];
}

export interface FileFailure {
  /** The system's code, or `stopped` after an interruption. */
  readonly code: string;
  readonly message: string;
}

/** `content`: where it was stored in chunks. */
export interface StoredFile extends FileFacts {
  readonly content?: Content;
}

/** A part of a chunk list, for the cache of a client that may not read it back. */
export interface ListPart {
  readonly key: Uint8Array;
  readonly json: Uint8Array;
}

/** Plain bytes of new blobs, and what they took in packs. */
export interface Growth {
  readonly added: number;
  readonly stored: number;
}

export type JobResult =
  | ({
      readonly type: 'small';
      /** Of each file, how many bytes lie in the batch's memory: one file behind the other. */
      readonly lengths: Uint32Array;
      /** Keyed BLAKE3 of each, 32 bytes; nothing where the length is 0. */
      readonly hashes: Uint8Array;
      /** Files that are not just as the walk saw them, or have more to them: of all others no more need be said. */
      readonly particular: ReadonlyMap<number, StoredFile | FileFailure>;
      readonly lists: readonly ListPart[];
    } & Growth)
  | ({
      readonly type: 'large';
      readonly file: StoredFile | FileFailure;
      readonly lists: readonly ListPart[];
      readonly read: number;
    } & Growth)
  | ({ readonly type: 'bundles'; readonly keys: readonly Uint8Array[] } & Growth)
  | ({ readonly type: 'metadata' } & Growth)
  | ({ readonly type: 'help' } & Growth)
  | { readonly type: 'flush'; readonly rests: readonly OpenPack[]; readonly budget: StageBudget | undefined };

export type ResultOf<T extends Job['type']> = Extract<JobResult, { type: T }>;

export function isFailure(file: StoredFile | FileFailure): file is FileFailure {
  return 'code' in file;
}

/** Nothing to be said of it but its content. */
export function isPlain(facts: FileFacts): boolean {
  const { xattrs, xattrContent, extents, extentContent, flags, acl, unstable, problems } = facts;
  const more = xattrs ?? xattrContent ?? extents ?? extentContent;
  return more === undefined && flags === 0 && !acl && !unstable && problems.length === 0;
}
