/**
 * Where objects lie. A backend knows nothing of packs, keys or files. Every implementation passes the conformance
 * suite in `test/support/backend-suite.ts`.
 *
 * Paths are relative, `/`-separated, of the characters `a-z 0-9 . - _`; no `.`/`..` parts. The top-level folder `tmp` is
 * the backend's own. Other paths are refused with `failed`.
 * Errors: `no-space`, `quota-exceeded`, `permission-denied`, `unreachable` (worth retrying) and `failed` as NeoError.
 */
import type { TreeNode } from '../protocol/object-tree.ts';

export interface ObjectInfo {
  readonly path: string;
  readonly size: number;
  /** The storage's clock, milliseconds since 1970. */
  readonly modified: number;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface Backend {
  /** For people: the location as given, without secrets. */
  readonly location: string;
  /** What is asked costs a way over a network: what was read once is worth keeping. */
  readonly isRemote?: boolean | undefined;

  /**
   * Lets some readers in to shares alone, and removes only what was marked for a while: it cannot read what says so, and has to be told
   * (protocol/reach.ts, protocol/marks.ts).
   */
  readonly isGuarded?: boolean | undefined;

  /**
   * Stores an object that is written once and never changed: visible only when whole, durable when the promise
   * resolves, and from then on `bytes` (which may lie in shared memory) are the caller's again. An object that exists already is left alone: that is success if its bytes are equal.
   * @throws NeoError integrity when the path exists with other bytes
   */
  put(path: string, bytes: Uint8Array): Promise<void>;

  /**
   * As {@link put}, of bytes that come piece by piece, each in memory of its own, and are never in memory as a whole. What `pieces` throws, also after
   * the last of them, is thrown here, and nothing becomes visible: not before `pieces` has ended. True when this call made the object, false when it
   * was there already with equal bytes. `length` is how many they are together, for storage that has to know it ahead. For servers.
   */
  putPieces?(path: string, pieces: AsyncIterable<Uint8Array>, length?: number): Promise<boolean>;

  /** Puts will come: what the first one would have to wait for is done ahead, and nobody waits for it here. */
  prepareToPut?(): void;

  /**
   * Resolves when whoever lists sees what was stored before, and the other way round: at once but where storage says
   * nothing of what others store. For the few things of which there must be one.
   */
  settle?(): Promise<void>;

  /** The whole object, or undefined when there is none. */
  get(path: string): Promise<Uint8Array | undefined>;

  /** Exactly `range.length` bytes. Undefined when there is no object. @throws NeoError integrity when it is shorter */
  getRange(path: string, range: ByteRange): Promise<Uint8Array | undefined>;

  /**
   * Several ranges of one object, which is opened once; those that go beyond its end are undefined. Undefined when there is no object.
   * For servers.
   */
  getRanges?(path: string, ranges: readonly ByteRange[]): Promise<(Uint8Array | undefined)[] | undefined>;

  /**
   * For servers, which send an object on piece by piece; undefined when there is none. `wanted`: what of it will be read, in order, so that storage
   * that is far away need not be asked for each piece.
   */
  openObject?(path: string, wanted?: ByteRange): Promise<OpenObject | undefined>;

  /**
   * As {@link getRange}, into memory of the caller's that may be shared with other threads; false when there is no
   * object. For storage that can do so without copying; {@link readInto} serves for any.
   */
  getInto?(path: string, offset: number, target: Uint8Array): Promise<boolean>;

  /**
   * All objects below a folder (`''` for everything), at any depth, in no particular order. Temporary files of
   * unfinished puts are not listed. An absent folder is empty.
   */
  list(folder: string): AsyncIterable<ObjectInfo>;

  /** As {@link list}, in the order of the paths' bytes, and only what comes after `after`. For servers, which list in pages. */
  listAfter?(folder: string, after: string): AsyncIterable<ObjectInfo>;

  /**
   * For each prefix what lies there in the tree of all objects (protocol/object-tree.ts), in this order: at most `MOST_PREFIXES` of them. It also says
   * what was removed. Only storage has it that keeps such a tree itself; of any other a tree is made of its list.
   */
  readonly tree?: ((prefixes: readonly string[]) => Promise<readonly TreeNode[]>) | undefined;

  stat(path: string): Promise<ObjectInfo | undefined>;

  /** Removes an object, durably when the promise resolves; one that is absent already is success. */
  remove(path: string): Promise<void>;

  /** The storage's clock, milliseconds since 1970. */
  now(): Promise<number>;

  close(): Promise<void>;
}

/** What a server can keep a target in. */
export type ServedBackend = Backend & Required<Pick<Backend, 'putPieces' | 'getRanges' | 'openObject' | 'listAfter'>>;

/** Can be read to its end also when it is removed meanwhile, or tells `unreachable`. To be closed. */
export interface OpenObject {
  readonly size: number;
  /** Fills all of `target` from `offset` on. @throws NeoError integrity where the object ends before */
  readInto(offset: number, target: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Fills `target` from `offset` of an object on; false when there is none. @throws NeoError integrity when it is shorter */
export async function readInto(backend: Backend, path: string, offset: number, target: Uint8Array): Promise<boolean> {
  if (backend.getInto !== undefined) return backend.getInto(path, offset, target);
  const bytes = await backend.getRange(path, { offset, length: target.length });
  if (bytes !== undefined) target.set(bytes);
  return bytes !== undefined;
}
