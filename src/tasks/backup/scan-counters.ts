import type { FileStat } from '../../fs/stat.ts';
import { putStat, ROW_WORDS } from '../../fs/stat-row.ts';
import { type KnownDirectory, LINKED } from './known-blocks.ts';
import type { KnownTree } from './known-trees.ts';

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const WIDE = 2 ** 32;

/** Files and bytes so far, for progress and summary. */
export class ScanCounters {
  filesNew = 0;
  filesChanged = 0;
  filesUnmodified = 0;
  directories = 0;
  bytesProcessed = 0;
  errors = 0;
  current: Uint8Array = new Uint8Array();
  /** Files of several names that were counted: one may be in a directory that is walked, another in one that is not. */
  readonly #linked = new Set<string>();
  readonly #row = new Uint32Array(ROW_WORDS);

  /** It could not be read after all. */
  uncount(kind: 'filesNew' | 'filesChanged', bytes: number): void {
    this[kind] -= 1;
    this.bytesProcessed -= bytes;
  }

  addKnown({ directories }: KnownTree): void {
    this.directories += directories.size;
    for (const known of directories.values()) {
      this.filesUnmodified += known.files;
      this.bytesProcessed += known.bytes;
      this.#addLinked(known);
    }
  }

  #addLinked({ marks, rows }: KnownDirectory): void {
    for (let i = marks.indexOf(LINKED); i >= 0; i = marks.indexOf(LINKED, i + 1)) {
      const at = (i + 1) * ROW_WORDS;
      if (((rows[at] ?? 0) & S_IFMT) !== S_IFREG || !this.#isNew(rows, at)) continue;
      this.filesUnmodified += 1;
      this.bytesProcessed += (rows[at + 6] ?? 0) + (rows[at + 7] ?? 0) * WIDE;
    }
  }

  /** The first name of a file that the walk meets, about to be counted as any other. */
  walkedLinked(stat: FileStat): void {
    if (stat.type !== 'file') return;
    putStat(this.#row, 0, stat);
    if (this.#isNew(this.#row, 0)) return;
    this.filesUnmodified -= 1;
    this.bytesProcessed -= stat.size;
  }

  /** By inode and device. */
  #isNew(rows: Uint32Array, at: number): boolean {
    const before = this.#linked.size;
    this.#linked.add([rows[at + 4], rows[at + 5], rows[at + 14], rows[at + 15]].join());
    return this.#linked.size > before;
  }
}
