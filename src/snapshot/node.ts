/** A directory entry as snapshots keep it; its JSON form is in `node-json.ts` (docs/format.md, section 6). */
import type { ContentKey } from '../core/ids.ts';

export type NodeType = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'chardev' | 'blockdev';

export interface Chunk {
  readonly key: ContentKey;
  /** Plain bytes. */
  readonly length: number;
}

/** Where the bytes of a file (outside its holes) are. */
export type Content =
  | {
      readonly type: 'slice';
      readonly bundle: ContentKey;
      readonly offset: number;
      /** Of the whole bundle. */
      readonly bundleLength: number;
    }
  | { readonly type: 'chunks'; readonly chunks: readonly Chunk[] }
  /** Root part of a chunk list. */
  | { readonly type: 'list'; readonly key: ContentKey };

export interface Extent {
  readonly offset: number;
  readonly length: number;
}

export interface Xattr {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

export interface Node {
  readonly name: Uint8Array;
  readonly type: NodeType;
  /** 12 bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly user?: string;
  readonly group?: string;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  readonly ctime: bigint;
  readonly atime?: bigint;
  readonly birthtime?: bigint;
  readonly inode: bigint;
  /** Ordinal in the snapshot's table of file systems. */
  readonly device: number;
  readonly links: number;
  /** Bytes of a file, holes included; 0 for all else. */
  readonly size: number;
  /** Target of a symlink. */
  readonly target?: Uint8Array;
  readonly rdev?: { readonly major: number; readonly minor: number };
  readonly xattrs?: readonly Xattr[];
  /** In place of `xattrs` where they are large: content of their JSON. */
  readonly xattrContent?: Content;
  /** Data of a sparse file; absent if it has no holes. */
  readonly extents?: readonly Extent[];
  /** In place of `extents` where there are many: content of pairs of u64. */
  readonly extentContent?: Content;
  readonly flags?: number;
  /** Absent for an empty file. */
  readonly content?: Content;
  /** Keyed BLAKE3 of the content. */
  readonly contentHash?: Uint8Array;
  /** Root part of a directory. */
  readonly tree?: ContentKey;
}
