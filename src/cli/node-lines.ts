/** Entries of snapshots as a person and as a program sees them. */
import { displayBytes, toByteString } from '../core/bytes.ts';
import { formatTime } from '../core/format.ts';
import type { JsonBody } from './output.ts';
import { safeText } from './table.ts';

/** The part of snapshot/node.ts `Node` that is shown. */
export interface ShownNode {
  readonly name: Uint8Array;
  readonly type: 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'chardev' | 'blockdev';
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
  readonly links: number;
  readonly size: number;
  readonly target?: Uint8Array;
  readonly rdev?: { readonly major: number; readonly minor: number };
}

/** The body of an object `node` (docs/json.md). */
export function nodeJson(path: Uint8Array, node: ShownNode): JsonBody {
  return {
    path: toByteString(path),
    name: toByteString(node.name),
    kind: node.type,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    user: node.user,
    group: node.group,
    size: node.type === 'file' ? node.size : undefined,
    mtime: isoNanoseconds(node.mtime),
    ctime: isoNanoseconds(node.ctime),
    atime: node.atime === undefined ? undefined : isoNanoseconds(node.atime),
    birthtime: node.birthtime === undefined ? undefined : isoNanoseconds(node.birthtime),
    inode: String(node.inode),
    links: node.links,
    target: node.target === undefined ? undefined : toByteString(node.target),
    rdev: node.rdev,
  };
}

function splitSeconds(nanoseconds: bigint): { readonly milliseconds: number; readonly rest: string } {
  const rest = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return { milliseconds: Number((nanoseconds - rest) / 1_000_000n), rest: String(rest).padStart(9, '0') };
}

/** `2026-11-01T12:00:00.123456789Z` */
export function isoNanoseconds(nanoseconds: bigint): string {
  const { milliseconds, rest } = splitSeconds(nanoseconds);
  return new Date(milliseconds).toISOString().replace(/\.000Z$/, `.${rest}Z`);
}

const LETTERS: Readonly<Record<ShownNode['type'], string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  socket: 's',
  chardev: 'c',
  blockdev: 'b',
};

/** As `ls -l` writes it: `-rwsr-xr-t`. */
export function modeText(type: ShownNode['type'], mode: number): string {
  const triple = (shift: number, special: number, letter: string): string => {
    const bits = (mode >> shift) & 7;
    const execute = (bits & 1) !== 0;
    const last = (mode & special) === 0 ? (execute ? 'x' : '-') : execute ? letter : letter.toUpperCase();
    return `${(bits & 4) === 0 ? '-' : 'r'}${(bits & 2) === 0 ? '-' : 'w'}${last}`;
  };
  return LETTERS[type] + triple(6, 0o4000, 's') + triple(3, 0o2000, 's') + triple(0, 0o1000, 't');
}

/** Long lines of a list whose length nobody knows: columns widen as wider values come. */
export class LongLines {
  readonly #widths = [0, 8, 8, 10];

  line(path: Uint8Array, node: ShownNode): string {
    const { rdev } = node;
    const device = rdev === undefined ? '-' : `${rdev.major}, ${rdev.minor}`;
    const size = node.type === 'file' ? String(node.size) : device;
    const target = node.target === undefined ? '' : ` -> ${displayBytes(node.target)}`;
    return [
      modeText(node.type, node.mode),
      this.#wide(0, String(node.links), true),
      this.#wide(1, displayName(node.user, node.uid), false),
      this.#wide(2, displayName(node.group, node.gid), false),
      this.#wide(3, size, true),
      formatTime(new Date(splitSeconds(node.mtime).milliseconds)),
      displayBytes(path) + target,
    ].join(' ');
  }

  #wide(column: number, text: string, right: boolean): string {
    const width = Math.max(this.#widths[column] ?? 0, text.length);
    this.#widths[column] = width;
    return right ? text.padStart(width) : text.padEnd(width);
  }
}

function displayName(name: string | undefined, id: number): string {
  return name === undefined ? String(id) : safeText(name);
}
