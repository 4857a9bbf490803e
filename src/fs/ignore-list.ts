/**
 * A list of patterns of which the last match decides, arranged so that a lookup costs little: plain names and `*.ext`
 * are found by hash, paths without wildcards by their directory; only other globs are tried one by one, from the last.
 */
import { foldCase, type IgnorePattern } from './ignore-pattern.ts';

export type EntryType = 'directory' | 'other';

const NONE = -1;

interface IndexedPattern {
  readonly index: number;
  readonly pattern: IgnorePattern;
}

function matches({ pattern }: IndexedPattern, text: string): boolean {
  return pattern.glob?.matches(text) === true;
}

/** Can this path pattern match something in or below the directory? `inside` is its path with a slash at the end. */
function reaches({ pattern }: IndexedPattern, inside: string): boolean {
  const prefix = pattern.glob?.prefix ?? '';
  return inside.startsWith(prefix) || prefix.startsWith(inside);
}

/** The patterns that apply to one type of entry and one way of folding. */
class View {
  readonly #names = new Map<string, number>();
  readonly #suffixes = new Map<number, Map<string, number>>();
  readonly #nameGlobs: IndexedPattern[] = [];
  /** Directory (with a slash at its end, '' for the base of the list) -> name -> index. */
  readonly #paths = new Map<string, Map<string, number>>();
  readonly #pathGlobs: IndexedPattern[] = [];

  /** Takes the patterns from the last to the first: of two with one text the later counts. */
  add(entry: IndexedPattern): void {
    const { glob, baseNameOnly } = entry.pattern;
    if (glob === undefined) return;
    if (!baseNameOnly) this.#addPath(entry);
    else if (glob.kind === 'literal') setOnce(this.#names, glob.prefix, entry.index);
    else if (glob.kind === 'suffix') setOnce(mapAt(this.#suffixes, glob.suffix.length), glob.suffix, entry.index);
    else this.#nameGlobs.push(entry);
  }

  #addPath(entry: IndexedPattern): void {
    const glob = entry.pattern.glob;
    if (glob?.kind !== 'literal') {
      this.#pathGlobs.push(entry);
      return;
    }
    const cut = glob.prefix.lastIndexOf('/') + 1;
    setOnce(mapAt(this.#paths, glob.prefix.slice(0, cut)), glob.prefix.slice(cut), entry.index);
  }

  /** What this view has to say about the direct entries of a directory. */
  at(directory: string): DirectoryView {
    return { names: this.#paths.get(directory), globs: this.#pathGlobs.filter((entry) => reaches(entry, directory)) };
  }

  lastMatch(name: string, directory: string, here: DirectoryView): number {
    let best = Math.max(this.#names.get(name) ?? NONE, here.names?.get(name) ?? NONE);
    for (const [length, suffixes] of this.#suffixes) {
      if (length <= name.length) best = Math.max(best, suffixes.get(name.slice(name.length - length)) ?? NONE);
    }
    best = lastGlob(this.#nameGlobs, name, best);
    return here.globs.length === 0 ? best : lastGlob(here.globs, directory + name, best);
  }
}

interface DirectoryView {
  readonly names: ReadonlyMap<string, number> | undefined;
  readonly globs: readonly IndexedPattern[];
}

function mapAt<K>(maps: Map<K, Map<string, number>>, key: K): Map<string, number> {
  const found = maps.get(key) ?? new Map<string, number>();
  maps.set(key, found);
  return found;
}

function setOnce(map: Map<string, number>, key: string, index: number): void {
  if (!map.has(key)) map.set(key, index);
}

/** The first of `globs` (in falling order of index) above `best` that matches, else `best`. */
function lastGlob(globs: readonly IndexedPattern[], text: string, best: number): number {
  for (const entry of globs) {
    if (entry.index < best) return best;
    if (matches(entry, text)) return entry.index;
  }
  return best;
}

interface Views {
  readonly directory: View;
  readonly other: View;
}

export class PatternList {
  readonly patterns: readonly IgnorePattern[];
  readonly exact: Views | undefined;
  readonly folded: Views | undefined;

  /** @param patterns the weakest first: the last match decides */
  constructor(patterns: readonly IgnorePattern[]) {
    this.patterns = patterns;
    this.exact = this.#views(false);
    this.folded = this.#views(true);
  }

  #views(folded: boolean): Views | undefined {
    if (!this.patterns.some((pattern) => pattern.folded === folded)) return undefined;
    const views = { directory: new View(), other: new View() };
    for (const [index, pattern] of [...this.patterns.entries()].reverse()) {
      if (pattern.folded !== folded) continue;
      views.directory.add({ index, pattern });
      if (!pattern.directoryOnly) views.other.add({ index, pattern });
    }
    return views;
  }

  /**
   * The list as seen from one directory.
   * @param directory latin1 path relative to the base of the list, with a slash at the end; '' for the base itself
   */
  at(directory: string): ScopedPatterns {
    return new ScopedPatterns(this, directory);
  }

  /** Can a pattern match a path below this directory (form as in {@link at})? May say yes in vain, never no. */
  mayMatchBelow(directory: string): boolean {
    return this.patterns.some(({ glob, baseNameOnly, folded, rule }) => {
      if (glob === undefined || rule.negated) return false;
      if (baseNameOnly || glob.anyDepth) return true;
      const inside = folded ? foldCase(directory) : directory;
      return glob.prefix.startsWith(inside) || (glob.kind !== 'literal' && inside.startsWith(glob.prefix));
    });
  }
}

interface ScopedViews {
  readonly views: Views;
  readonly directory: string;
  readonly atDirectories: DirectoryView;
  readonly atOthers: DirectoryView;
}

function scopeViews(views: Views | undefined, directory: string): ScopedViews | undefined {
  if (views === undefined) return undefined;
  return { views, directory, atDirectories: views.directory.at(directory), atOthers: views.other.at(directory) };
}

function lastIndex(scoped: ScopedViews, name: string, type: EntryType): number {
  return type === 'directory'
    ? scoped.views.directory.lastMatch(name, scoped.directory, scoped.atDirectories)
    : scoped.views.other.lastMatch(name, scoped.directory, scoped.atOthers);
}

/** A {@link PatternList} applied to the direct entries of one directory. */
export class ScopedPatterns {
  readonly #list: PatternList;
  readonly #directory: string;
  readonly #exact: ScopedViews | undefined;
  readonly #folded: ScopedViews | undefined;

  constructor(list: PatternList, directory: string) {
    this.#list = list;
    this.#directory = directory;
    this.#exact = scopeViews(list.exact, directory);
    this.#folded = list.folded === undefined ? undefined : scopeViews(list.folded, foldCase(directory));
  }

  /** The same list in a directory of this directory. */
  enter(name: string): ScopedPatterns {
    return new ScopedPatterns(this.#list, `${this.#directory}${name}/`);
  }

  /** The last pattern that matches the entry, negated or not. @param name latin1 */
  lastMatch(name: string, type: EntryType): IgnorePattern | undefined {
    const exact = this.#exact === undefined ? NONE : lastIndex(this.#exact, name, type);
    const folded = this.#folded === undefined ? NONE : lastIndex(this.#folded, foldCase(name), type);
    return this.#list.patterns[Math.max(exact, folded)];
  }
}
