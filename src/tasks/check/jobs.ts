/** What main and workers of a check say to each other; all of it can be cloned between threads. */
import type { ClientId, ContentKey, ObjectName, RepositoryId } from '../../core/ids.ts';
import type { SharedBytes } from '../../core/shared-buffers.ts';
import type { EngineName } from '../../engine/engine.ts';
import type { RepositoryKeys } from '../../repo/keyring.ts';
import type { Issuers } from '../../repo/signed-object.ts';
import type { SharedTable } from './blob-table.ts';

/** What a worker is told once. */
export interface WorkerSetup {
  readonly engine: EngineName;
  readonly repository: RepositoryId;
  readonly issuers: Issuers;
  readonly keys: Pick<RepositoryKeys, 'content' | 'index'>;
  readonly index: readonly SharedArrayBuffer[];
}

/** A part of a tree or a list, sealed. */
export interface SealedPart {
  readonly kind: 'tree' | 'list';
  readonly key: ContentKey;
  readonly level: number | undefined;
  readonly sealed: SharedBytes;
}

export type Job =
  /** Opens parts and says what they refer to. */
  | { readonly type: 'parts'; readonly parts: readonly SealedPart[] }
  /** Judges a whole pack, and confirms in the table the good copies of what snapshots refer to. */
  | {
      readonly type: 'pack';
      readonly name: ObjectName;
      readonly numbers: readonly number[];
      readonly bytes: SharedBytes;
      readonly table: SharedTable;
    };

export interface BadCopy {
  readonly id: Uint8Array;
  readonly pack: number;
  readonly reason: string;
}

export interface VerifiedBlobs {
  readonly author: ClientId;
  /** As they stand in an index segment. */
  readonly packed: Uint8Array;
}

export type JobResult =
  /**
   * Of each part, what it refers to (see references.ts). Undefined for one that cannot be opened or decoded: main
   * looks at it again, and finds other copies and the words for it.
   */
  | { readonly type: 'parts'; readonly references: readonly (Uint8Array | undefined)[] }
  | {
      readonly type: 'pack';
      readonly faults: readonly string[];
      readonly newer: boolean;
      /** Without a directory only the index says what should lie here: then nothing was looked for. */
      readonly hasDirectory: boolean;
      readonly badCopies: readonly BadCopy[];
      /** Of a whole pack whose author may only write: what was decrypted of it, and is not trusted yet. */
      readonly verified: VerifiedBlobs | undefined;
    };

export type ResultOf<T extends Job['type']> = Extract<JobResult, { type: T }>;
