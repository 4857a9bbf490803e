/** What main and workers of a backup say to each other; all of it can be cloned between threads. */

import type { ChunkerParameters } from '../../chunker/chunker.ts';
import type { RepositoryId, SessionId } from '../../core/ids.ts';
import type { EngineName } from '../../engine/engine.ts';
import type { FileStat } from '../../fs/stat.ts';
import type { OpenPack } from '../../repo/blob-writer.ts';
import type { BundleParameters, RepositoryConfig } from '../../repo/config.ts';
import type { ContentSecrets } from '../../repo/keyring.ts';
import type { Signer } from '../../repo/signed-object.ts';
import type { Content, Extent, Xattr } from '../../snapshot/node.ts';

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
}

export interface FileRequest {
  /** Whole path on disk, its bytes as latin1: text is cheap to hand to a thread. */
  readonly path: string;
  /** As the walk saw it. */
  readonly inode: bigint;
  readonly device: bigint;
}

export type Job =
  /** Reads small files; their bytes come back, to be bundled. */
  | { readonly type: 'small'; readonly files: readonly FileRequest[] }
  /** Reads and stores one file in chunks. */
  | { readonly type: 'large'; readonly file: FileRequest }
  /** Stores one data blob as it is. */
  | { readonly type: 'bundle'; readonly bytes: Uint8Array }
  /** Gives up the open packs. */
  | { readonly type: 'flush' };

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

export interface SmallFile extends FileFacts {
  /** Its place in the bytes of the batch. */
  readonly offset: number;
  readonly length: number;
  /** It had grown too large to be bundled: stored in chunks, and not among the bytes of the batch. */
  readonly content?: Content;
}

export interface LargeFile extends FileFacts {
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
      readonly bytes: Uint8Array;
      readonly files: readonly (SmallFile | FileFailure)[];
      readonly lists: readonly ListPart[];
    } & Growth)
  | ({
      readonly type: 'large';
      readonly file: LargeFile | FileFailure;
      readonly lists: readonly ListPart[];
      readonly read: number;
    } & Growth)
  | ({ readonly type: 'bundle'; readonly key: Uint8Array } & Growth)
  | { readonly type: 'flush'; readonly rests: readonly OpenPack[] };

export type ResultOf<T extends Job['type']> = Extract<JobResult, { type: T }>;

export function isFailure(file: SmallFile | LargeFile | FileFailure): file is FileFailure {
  return 'code' in file;
}
