/** From what the system says of a file to the node that keeps it. */
import type { AccountSource } from '../../fs/owners.ts';
import { type FileStat, lstatPath } from '../../fs/stat.ts';
import type { Content, Node } from '../../snapshot/node.ts';
import type { FileSystem } from '../../snapshot/snapshot.ts';

/** A regular file with nothing to be said of it but its content. */
export interface NewFile {
  readonly name: Uint8Array;
  readonly stat: FileStat;
  readonly content: Content | undefined;
  readonly hash: Uint8Array | undefined;
}

export class NodeMaker {
  readonly #accounts: AccountSource;
  readonly #withAtime: boolean;
  readonly #devices = new Map<bigint, number>();

  constructor(accounts: AccountSource, withAtime: boolean) {
    this.#accounts = accounts;
    this.#withAtime = withAtime;
  }

  /** The snapshot's table of file systems so far. */
  get devices(): FileSystem[] {
    return [...this.#devices.keys()].map((device) => ({ id: String(device) }));
  }

  #ordinal(device: bigint): number {
    if (device === 0n) return 0;
    const known = this.#devices.get(device);
    if (known !== undefined) return known;
    const ordinal = this.#devices.size;
    this.#devices.set(device, ordinal);
    return ordinal;
  }

  /** True if {@link make} would give the same again, names and all. */
  gives(node: Node, stat: FileStat): boolean {
    return (
      sameTimes(node, stat) &&
      node.type === stat.type &&
      node.mode === stat.mode &&
      node.uid === stat.uid &&
      node.gid === stat.gid &&
      node.inode === stat.inode &&
      node.size === (stat.type === 'file' ? stat.size : 0) &&
      node.links === (stat.type === 'directory' ? 1 : stat.links) &&
      node.device === this.#ordinal(stat.device) &&
      node.user === this.#accounts.userName(stat.uid) &&
      node.group === this.#accounts.groupName(stat.gid) &&
      node.atime === (this.#withAtime ? stat.atime : undefined)
    );
  }

  /** The same as {@link make}, and its content. */
  makePlain(file: NewFile): Node {
    const { stat } = file;
    return new PlainFile(file, {
      device: this.#ordinal(stat.device),
      user: this.#accounts.userName(stat.uid),
      group: this.#accounts.groupName(stat.gid),
      atime: this.#withAtime ? stat.atime : undefined,
    });
  }

  make(name: Uint8Array, stat: FileStat): Node {
    const user = this.#accounts.userName(stat.uid);
    const group = this.#accounts.groupName(stat.gid);
    const special = stat.type === 'chardev' || stat.type === 'blockdev';
    return {
      name,
      type: stat.type,
      mode: stat.mode,
      uid: stat.uid,
      gid: stat.gid,
      mtime: stat.mtime,
      ctime: stat.ctime,
      inode: stat.inode,
      device: this.#ordinal(stat.device),
      // A directory's links count its sub-directories: not worth a new tree.
      links: stat.type === 'directory' ? 1 : stat.links,
      size: stat.type === 'file' ? stat.size : 0,
      ...(user === undefined ? {} : { user }),
      ...(group === undefined ? {} : { group }),
      ...(this.#withAtime ? { atime: stat.atime } : {}),
      ...(stat.birthtime === 0n ? {} : { birthtime: stat.birthtime }),
      ...(special ? { rdev: stat.rdev } : {}),
    };
  }
}

/** What the stat of a file does not say by itself. */
interface Surroundings {
  readonly device: number;
  readonly user: string | undefined;
  readonly group: string | undefined;
  readonly atime: bigint | undefined;
}

/** Most of what a snapshot meets, in one object: joined out of parts it would be three times as dear. */
class PlainFile implements Node {
  readonly name: Uint8Array;
  readonly type = 'file';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: bigint;
  readonly ctime: bigint;
  readonly inode: bigint;
  readonly device: number;
  readonly links: number;
  readonly size: number;
  declare readonly user?: string;
  declare readonly group?: string;
  declare readonly atime?: bigint;
  declare readonly birthtime?: bigint;
  declare readonly content?: Content;
  declare readonly contentHash?: Uint8Array;

  constructor({ name, stat, content, hash }: NewFile, { device, user, group, atime }: Surroundings) {
    const { birthtime } = stat;
    this.name = name;
    this.mode = stat.mode;
    this.uid = stat.uid;
    this.gid = stat.gid;
    this.mtime = stat.mtime;
    this.ctime = stat.ctime;
    this.inode = stat.inode;
    this.device = device;
    this.links = stat.links;
    this.size = stat.size;
    if (user !== undefined) this.user = user;
    if (group !== undefined) this.group = group;
    if (atime !== undefined) this.atime = atime;
    if (birthtime !== 0n) this.birthtime = birthtime;
    if (content !== undefined) this.content = content;
    if (hash !== undefined) this.contentHash = hash;
  }
}

function sameTimes(node: Node, stat: FileStat): boolean {
  return node.mtime === stat.mtime && node.ctime === stat.ctime && (node.birthtime ?? 0n) === stat.birthtime;
}

/**
 * What a directory above the sources is like on disk, where it is one: who owns it and who may enter. Its times are not
 * kept: they change with things that are no part of the snapshot, and every snapshot would differ from the one before.
 */
export function directoryAbove(path: Uint8Array): FileStat {
  const stat = lookAt(path);
  const never = 0n;
  return {
    type: 'directory',
    mode: stat?.mode ?? 0o755,
    uid: stat?.uid ?? 0,
    gid: stat?.gid ?? 0,
    size: 0,
    mtime: never,
    ctime: never,
    atime: never,
    birthtime: never,
    inode: never,
    device: never,
    links: 1,
    rdev: { major: 0, minor: 0 },
    blocks: 0,
  };
}

/** Undefined when it cannot be seen, or when the source is stored under a path that is not its own. */
function lookAt(path: Uint8Array): FileStat | undefined {
  try {
    const stat = lstatPath(path);
    return stat?.type === 'directory' ? stat : undefined;
  } catch {
    return undefined;
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

export function dropUndefined<T extends object>(object: T): Defined<T> {
  const defined: Defined<T> = {};
  for (const key in object) {
    const value = object[key];
    if (value !== undefined) defined[key] = value as Defined<T>[typeof key];
  }
  return defined;
}
