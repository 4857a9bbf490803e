/**
 * The patterns of the command line: what `--exclude` leaves out and what `--include` restricts to. `snapshot` applies
 * them to absolute paths of the disk, `restore` and others to paths inside a snapshot; both look alike here.
 *
 * Excludes win over includes. An include keeps what matches and all that lies below a matching directory; a directory
 * that does not match itself is kept only as the way to something that does.
 */
import { type EntryType, PatternList, type ScopedPatterns } from './ignore-list.ts';
import { fromLatin1, type IgnorePattern, type Rule, toLatin1 } from './ignore-pattern.ts';

export interface Decision {
  /** Left out: a directory with all that lies below it. */
  readonly ignored: boolean;
  /** A directory to look into, but to store or restore only when something kept lies below it. */
  readonly onlyToReach: boolean;
  /** The rule that decided, also when it is a `!` pattern or an include that keeps; undefined when none spoke. */
  readonly rule: Rule | undefined;
}

/** A decision on a path with the ancestor that it was taken for, if it was not the path itself. */
export interface PathDecision extends Decision {
  /** The directory that was left out with all below it, or the path itself. */
  readonly at: Uint8Array;
}

export const KEPT: Decision = { ignored: false, onlyToReach: false, rule: undefined };

const NOT_INCLUDED: Rule = {
  kind: 'not-included',
  source: '--include',
  line: undefined,
  pattern: new Uint8Array(),
  negated: false,
};
const LEFT_OUT: Decision = { ignored: true, onlyToReach: false, rule: NOT_INCLUDED };
const TO_REACH: Decision = { ignored: false, onlyToReach: true, rule: NOT_INCLUDED };

const NO_PATTERNS = new PatternList([]);

/** The names of a path, empty ones dropped. Latin1. */
function namesOf(path: Uint8Array): string[] {
  return toLatin1(path)
    .split('/')
    .filter((name) => name !== '');
}

export class PathFilter {
  readonly excludes: PatternList;
  readonly includes: PatternList;
  /** False when every path is kept. */
  readonly active: boolean;

  /** @param patterns excludes and includes, each in the order in which they apply: the last match of each kind decides */
  constructor(patterns: readonly IgnorePattern[]) {
    const includes = patterns.filter((pattern) => pattern.rule.kind === 'include');
    const excludes = patterns.filter((pattern) => pattern.rule.kind !== 'include');
    this.excludes = excludes.length === 0 ? NO_PATTERNS : new PatternList(excludes);
    this.includes = includes.length === 0 ? NO_PATTERNS : new PatternList(includes);
    this.active = patterns.length > 0;
  }

  /** For the entries of the root directory of a snapshot. */
  root(): FilterScope {
    return new FilterScope(this, '', this.excludes.at(''), this.includes.at(''), false);
  }

  /**
   * For the entries of a directory where a walk begins. Excludes are not asked about this directory and those above it;
   * an include with a slash that matches one of them keeps everything here.
   */
  at(directory: Uint8Array): FilterScope {
    let scope = this.root();
    for (const name of namesOf(directory)) scope = scope.enterAncestor(name);
    return scope;
  }

  /** The decision on one path from the root, its parent directories asked first. */
  decidePath(path: Uint8Array, type: EntryType): PathDecision {
    const names = namesOf(path);
    let scope = this.root();
    for (const [depth, name] of names.slice(0, -1).entries()) {
      const decision = scope.decide(name, 'directory');
      if (decision.ignored) return { ...decision, at: fromLatin1(`/${names.slice(0, depth + 1).join('/')}`) };
      scope = scope.enter(name);
    }
    const last = names.at(-1);
    return { ...(last === undefined ? KEPT : scope.decide(last, type)), at: path };
  }
}

/** A {@link PathFilter} at one directory: decides on its direct entries. Names are latin1 (ignore-pattern.ts). */
export class FilterScope {
  readonly #filter: PathFilter;
  readonly #directory: string;
  readonly #excludes: ScopedPatterns;
  readonly #includes: ScopedPatterns;
  /** Everything here is included because a directory above matched (or because there are no includes). */
  readonly #included: boolean;

  constructor(
    filter: PathFilter,
    directory: string,
    excludes: ScopedPatterns,
    includes: ScopedPatterns,
    included: boolean,
  ) {
    this.#filter = filter;
    this.#directory = directory;
    this.#excludes = excludes;
    this.#includes = includes;
    this.#included = included || filter.includes.patterns.length === 0;
  }

  decide(name: string, type: EntryType): Decision {
    const excluded = this.excludedBy(name, type);
    if (excluded !== undefined && !excluded.negated) return { ignored: true, onlyToReach: false, rule: excluded };
    const included = this.includedBy(name, type);
    return excluded === undefined || included.ignored ? included : { ...included, rule: excluded };
  }

  /** The last exclude that matches, also a negated one. */
  excludedBy(name: string, type: EntryType): Rule | undefined {
    return this.#excludes.lastMatch(name, type)?.rule;
  }

  /** The decision of the includes alone. */
  includedBy(name: string, type: EntryType): Decision {
    if (this.#filter.includes.patterns.length === 0) return KEPT;
    const rule = this.#includes.lastMatch(name, type)?.rule;
    if (rule !== undefined) return { ignored: rule.negated, onlyToReach: false, rule };
    if (this.#included) return KEPT;
    if (type === 'other') return LEFT_OUT;
    return this.#filter.includes.mayMatchBelow(`${this.#directory}${name}/`) ? TO_REACH : LEFT_OUT;
  }

  /** The scope of a directory here. The caller does not enter ignored directories. */
  enter(name: string): FilterScope {
    return this.#enter(name, this.#includes.lastMatch(name, 'directory'));
  }

  /** As {@link enter} for a directory above a source: its bare name does not count, only its path. */
  enterAncestor(name: string): FilterScope {
    const match = this.#includes.lastMatch(name, 'directory');
    return this.#enter(name, match?.baseNameOnly === true ? undefined : match);
  }

  #enter(name: string, include: IgnorePattern | undefined): FilterScope {
    const included = include === undefined ? this.#included : !include.rule.negated;
    const directory = `${this.#directory}${name}/`;
    return new FilterScope(this.#filter, directory, this.#excludes.enter(name), this.#includes.enter(name), included);
  }
}
