/** What a server asks of a bucket beyond the contract of a backend (served-s3.ts). Nothing of it is tried again by itself. */
import type { Readable } from 'node:stream';
import type { Backend, ObjectInfo } from './backend.ts';

/** Bytes that may be sent more than once, and are never in memory as a whole. */
export interface BucketBody {
  readonly length: number;
  /** In hex: what arrives with other bytes is not stored. */
  readonly sha256: string;
  /** From the beginning, each time that it is asked for. */
  readonly open: () => Uint8Array | Readable;
}

/** `taken`: something of that name is there already. */
export type Outcome = 'stored' | 'taken';

export interface BucketPage {
  readonly objects: readonly ObjectInfo[];
  /** After what the next page begins; undefined: this is the last one. */
  readonly next: string | undefined;
}

export interface Bucket extends Backend {
  /** Is it there, and is one let in? @throws NeoError */
  reach(): Promise<void>;
  /** @param mark is kept with the object: who is in doubt whether it was he who made it can ask {@link markOf} */
  putBody(path: string, body: BucketBody, mark: string): Promise<Outcome>;
  markOf(path: string): Promise<{ readonly size: number; readonly mark: string | undefined } | undefined>;
  /** Up to a thousand objects below a folder, in the order of the paths' bytes. */
  pageAfter(folder: string, after: string): Promise<BucketPage>;
  /** Names of the folders directly below one. */
  folders(folder: string): Promise<string[]>;
}
