/** Is a directory as the files cache has it? Its names, and a row of numbers for each; nothing below it. */
import { closeSync } from 'node:fs';
import { type DirectoryNames, findName, openDirectory, readNames } from '../../fs/directory.ts';
import { type Libc, loadLibc } from '../../fs/libc.ts';
import { REACH_LIMIT } from '../../fs/reach.ts';
import { ROW_WORDS, RowReader } from '../../fs/stat-row.ts';
import { ENTERED, joinNames, type KnownDirectory, namesOf, TYPE_ONLY } from './known-blocks.ts';

/** With other rules, what is left out below it may be another than before, or it cannot be read: nothing below it is known. */
export type Look = 'same' | 'changed' | 'other rules';

const S_IFMT = 0o170000;

export class DirectoryLook {
  readonly #ruleNames: readonly string[];
  readonly #reader: RowReader;

  /** `ruleNames`: of files that say what of their directory is left out, latin1. */
  constructor(libc: Libc, ruleNames: Iterable<string>) {
    this.#ruleNames = [...ruleNames];
    this.#reader = new RowReader(libc);
  }

  /** Undefined where the platform has no quick way to look. */
  static of(ruleNames: Iterable<string>): DirectoryLook | undefined {
    const libc = loadLibc();
    return libc === undefined ? undefined : new DirectoryLook(libc, ruleNames);
  }

  into(path: Uint8Array, known: KnownDirectory): Look {
    if (path.length > REACH_LIMIT) return 'other rules';
    let fd: number;
    try {
      fd = openDirectory(path);
    } catch {
      return 'other rules';
    }
    try {
      const listed = readNames(fd, path);
      if (listed.error !== undefined || !this.#sameRules(fd, listed, known)) return 'other rules';
      const same = joinNames(listed.names) === known.names && this.#reader.isOpenAs(fd, known.rows, 0);
      return same && this.#sameEntries(fd, known) ? 'same' : 'changed';
    } finally {
      closeSync(fd);
    }
  }

  /** What is left out further down depends on these files. */
  #sameRules(fd: number, { names }: DirectoryNames, known: KnownDirectory): boolean {
    if (this.#ruleNames.length === 0) return true;
    const before = namesOf(known.names);
    return this.#ruleNames.every((rule) => {
      const at = findName(before, rule);
      if (findName(names, rule) === undefined) return at === undefined;
      const name = Buffer.from(`${rule}\0`, 'latin1');
      return at !== undefined && this.#reader.isAs(fd, name, known.rows, (at + 1) * ROW_WORDS);
    });
  }

  #sameEntries(fd: number, known: KnownDirectory): boolean {
    const bytes = Buffer.from(known.names, 'latin1');
    let at = 0;
    for (let i = 0; i < known.marks.length; i++) {
      const end = bytes.indexOf(0, at) + 1;
      if (!this.#sameEntry(fd, bytes.subarray(at, end), known, i)) return false;
      at = end;
    }
    return true;
  }

  #sameEntry(fd: number, name: Uint8Array, { marks, rows }: KnownDirectory, i: number): boolean {
    const at = (i + 1) * ROW_WORDS;
    // A directory that was entered is compared when its own turn comes, by the descriptor that it is read through.
    if (marks[i] === ENTERED) return true;
    if (marks[i] === TYPE_ONLY) return this.#reader.typeOf(fd, name) === ((rows[at] ?? 0) & S_IFMT);
    return this.#reader.isAs(fd, name, rows, at);
  }
}
