/**
 * Looks over the sources before the walk: which directories are, with all that lies below them, just as the files cache
 * has them? A name, a row of numbers: no node is made, and nothing is read of the repository.
 */
import { closeSync } from 'node:fs';
import { toBase64 } from '../../core/bytes.ts';
import { type DirectoryNames, openDirectory, readNames } from '../../fs/directory.ts';
import { type Libc, loadLibc } from '../../fs/libc.ts';
import { joinPath, pathOfLatin1 } from '../../fs/path.ts';
import { REACH_LIMIT } from '../../fs/reach.ts';
import { ROW_WORDS, RowReader } from '../../fs/stat-row.ts';
import type { FilesCache, UsedBundle } from './files-cache.ts';
import { ENTERED, type KnownDirectory, TYPE_ONLY, USE_WORDS } from './known-blocks.ts';

/** A directory that need not be walked, and all below it. */
export interface KnownTree {
  /** By path; itself first. */
  readonly directories: ReadonlyMap<string, KnownDirectory>;
  readonly root: KnownDirectory;
}

/** Deeper ones are walked: the look recurses. */
const MOST_LEVELS = 500;
const S_IFMT = 0o170000;

/** What was found below a directory that is looked at. */
interface Below {
  readonly whole: boolean;
  readonly directories: [string, KnownDirectory][];
}

const UNKNOWN: Below = { whole: false, directories: [] };

export class KnownTrees {
  readonly #cache: FilesCache;
  readonly #ruleNames: ReadonlySet<string>;
  readonly #givenUp: readonly boolean[];
  readonly #reader: RowReader;
  /** The topmost ones, by path. */
  readonly #found = new Map<string, KnownTree>();

  /**
   * `ruleNames`: of files that say what of their directory is left out, latin1. `givenUp`: bundles whose files are to
   * be read and bundled anew, base64url.
   */
  constructor(libc: Libc, cache: FilesCache, ruleNames: ReadonlySet<string>, givenUp: ReadonlySet<string>) {
    this.#cache = cache;
    this.#givenUp = cache.bundles.map(({ key }) => givenUp.has(toBase64(key)));
    this.#ruleNames = ruleNames;
    this.#reader = new RowReader(libc);
  }

  /** Undefined where the platform has no quick way to look. */
  static of(cache: FilesCache, ruleNames: ReadonlySet<string>, givenUp: ReadonlySet<string>): KnownTrees | undefined {
    const libc = loadLibc();
    return libc === undefined ? undefined : new KnownTrees(libc, cache, ruleNames, givenUp);
  }

  get bundles(): readonly UsedBundle[] {
    return this.#cache.bundles;
  }

  /** Looks at a source; what is found there is then told by {@link at}. */
  look(path: Uint8Array): void {
    const below = this.#look(path, 0);
    if (below.whole) this.#keep(below);
  }

  #keep({ directories }: Below): void {
    // The directory itself came last.
    const [path, root] = directories.at(-1) ?? [];
    if (path !== undefined && root !== undefined) this.#found.set(path, { root, directories: new Map(directories) });
  }

  /** `path`: on disk, latin1. */
  at(path: string): KnownTree | undefined {
    return this.#found.get(path);
  }

  #look(path: Uint8Array, level: number): Below {
    const text = Buffer.from(path).toString('latin1');
    const known = this.#cache.directories.get(text);
    if (known === undefined || path.length > REACH_LIMIT || level > MOST_LEVELS) return UNKNOWN;
    const own = this.#lookInto(path, known);
    if (own === 'other rules') return UNKNOWN;
    const children = this.#children(path, known, level);
    const whole =
      own === 'same' && !known.tainted && !this.#usesGivenUp(known) && children.every((child) => child.whole);
    if (whole) return { whole, directories: [...children.flatMap((child) => child.directories), [text, known]] };
    for (const child of children) if (child.whole) this.#keep(child);
    return UNKNOWN;
  }

  #usesGivenUp({ use }: KnownDirectory): boolean {
    for (let i = 0; i < use.length; i += USE_WORDS) if (this.#givenUp[use[i] ?? 0] === true) return true;
    return false;
  }

  #children(path: Uint8Array, { names, marks }: KnownDirectory, level: number): Below[] {
    if (!marks.includes(ENTERED)) return [];
    const children: Below[] = [];
    for (const [i, name] of namesOf(names).entries()) {
      if (marks[i] === ENTERED) children.push(this.#look(joinPath(path, pathOfLatin1(name)), level + 1));
    }
    return children;
  }

  /** The directory alone, without those below it. */
  #lookInto(path: Uint8Array, known: KnownDirectory): 'same' | 'changed' | 'other rules' {
    let fd: number;
    try {
      fd = openDirectory(path);
    } catch {
      return 'other rules';
    }
    try {
      const listed = readNames(fd, path);
      if (!this.#sameRules(fd, listed, known)) return 'other rules';
      const same = this.#reader.isOpenAs(fd, known.rows, 0) && this.#sameEntries(fd, listed, known);
      return same ? 'same' : 'changed';
    } finally {
      closeSync(fd);
    }
  }

  /** What is left out further down depends on these files. */
  #sameRules(fd: number, { names, error }: DirectoryNames, known: KnownDirectory): boolean {
    if (error !== undefined) return false;
    if (this.#ruleNames.size === 0) return true;
    const [now, before] = [new Set(names), namesOf(known.names)];
    for (const rule of this.#ruleNames) {
      const at = before.indexOf(rule);
      if (now.has(rule) !== at >= 0) return false;
      const name = Buffer.from(`${rule}\0`, 'latin1');
      if (at >= 0 && !this.#reader.isAs(fd, name, known.rows, (at + 1) * ROW_WORDS)) return false;
    }
    return true;
  }

  #sameEntries(fd: number, { names }: DirectoryNames, known: KnownDirectory): boolean {
    if (joinNames(names) !== known.names) return false;
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

/** Each with a NUL behind it: so the text is also what the system wants to be asked for. */
export function joinNames(names: readonly string[]): string {
  return names.length === 0 ? '' : `${names.join('\0')}\0`;
}

function namesOf(joined: string): string[] {
  return joined.length === 0 ? [] : joined.slice(0, -1).split('\0');
}
