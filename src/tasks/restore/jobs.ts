/** What main and workers of a restore say to each other; all of it can be cloned between threads; a write, of
 * thousands of small parts, goes as two arrays (job-codec.ts). */
import type { ChunkerParameters } from '../../chunker/chunker.ts';
import type { ErrorCode } from '../../core/errors.ts';
import type { EngineName } from '../../engine/engine.ts';
import type { ApplyProblem, EntryMetadata } from '../../fs/apply.ts';
import type { ContentSecrets } from '../../repo/keyring.ts';

/** What a worker is told once. */
export interface WorkerSetup {
  readonly engine: EngineName;
  /** What blobs are verified with; undefined for those of a share, whose sealed bytes were verified. */
  readonly content: ContentSecrets | undefined;
  /** How the repository cuts; undefined for a share, which does not tell. */
  readonly cutting: { readonly key: Uint8Array; readonly parameters: ChunkerParameters } | undefined;
  /** Secret of whole files' identities. */
  readonly file: Uint8Array;
  readonly owners: boolean;
  readonly securityAttributes: boolean;
  readonly sync: 'none' | 'file';
  /** Existing entries of another kind are replaced. */
  readonly replace: boolean;
  /** Blocks of zeros are left as holes. */
  readonly sparse: boolean;
}

/** Triples one after the other: from (within the blob), length, offset in the file. */
export type Segments = readonly number[];

export type WorkFile =
  /** Written at offsets; main made it and completes it. */
  { readonly type: 'open'; readonly fd: number; readonly path: Uint8Array } | WholeFile;

/** Its bytes are all here: the worker makes, fills and completes it. `directory` is a descriptor. */
export interface WholeFile {
  readonly type: 'whole';
  readonly directory: number;
  readonly name: Uint8Array;
  readonly size: number;
  readonly overwrite: boolean;
  readonly metadata: EntryMetadata;
}

export interface Use {
  /** Position in the job's files. */
  readonly file: number;
  readonly segments: Segments;
}

export interface BlobWork {
  /** Where the sealed blob lies in the job's bytes. */
  readonly at: number;
  readonly length: number;
  readonly key: Uint8Array;
  readonly plainLength: number;
  readonly uses: readonly Use[];
}

/** A chunk of a file as it should be on disk. */
export interface LocalPiece {
  readonly key: Uint8Array;
  readonly length: number;
  readonly segments: Segments;
  /** Where its bytes are to be read, if not where they belong. */
  readonly source?: number;
}

export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** Opens blobs and writes their bytes where they belong. */
export interface WriteJob {
  readonly type: 'write';
  readonly bytes: Uint8Array;
  readonly blobs: readonly BlobWork[];
  readonly files: readonly WorkFile[];
}

export type Job =
  | WriteJob
  /** Which pieces a local file has already; these are copied to `to`, if there is one. */
  | { readonly type: 'match'; readonly from: number; readonly to?: number; readonly pieces: readonly LocalPiece[] }
  /** A part of a local file as chunks. */
  | { readonly type: 'cut'; readonly fd: number; readonly offset: number; readonly length: number }
  /** Keyed hash of the ranges' bytes. */
  | { readonly type: 'hash'; readonly fd: number; readonly ranges: readonly Range[] };

export interface FileError {
  readonly file: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

/** `path` is the file's own name. */
export interface FileProblem extends ApplyProblem {
  readonly file: number;
}

export interface BlobError {
  readonly blob: number;
  /** Sealed with the right key and still no blob: made to do harm. */
  readonly crafted: boolean;
  readonly message: string;
}

export type JobResult =
  | {
      readonly type: 'write';
      readonly lost: readonly BlobError[];
      readonly errors: readonly FileError[];
      readonly problems: readonly FileProblem[];
      readonly notes: readonly string[];
    }
  | { readonly type: 'match'; readonly equal: readonly boolean[] }
  /** Content keys in hex: of all chunks in the content epoch in force, then of all in each older one. */
  | { readonly type: 'cut'; readonly keys: readonly string[]; readonly lengths: readonly number[] }
  | { readonly type: 'hash'; readonly hash: Uint8Array };

export type ResultOf<T extends Job['type']> = Extract<JobResult, { type: T }>;
