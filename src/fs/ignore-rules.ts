/**
 * What a snapshot leaves out. One {@link IgnoreRules} holds the settings of a run; each directory of the walk has a
 * {@link DirectoryRules} that decides on its entries, made from the one of its parent. Nothing here touches the disk:
 * the walk hands in the names of a directory and a function that reads a small file in it.
 *
 * The strongest first: markers and cache tags · patterns of the command line · ignore files, the deepest directory
 * first; in one directory .neoignore, .backupignore, .gitignore, .git/info/exclude · the size limit · includes.
 */
import { utf8 } from '../core/bytes.ts';
import { type Decision, type FilterScope, PathFilter } from './ignore-filter.ts';
import { type EntryType, PatternList, type ScopedPatterns } from './ignore-list.ts';
import { CACHE_MARKER, isPresent, type Marker } from './ignore-markers.ts';
import { fromLatin1, parseIgnoreFile, type Rule, toLatin1 } from './ignore-pattern.ts';
import { joinPath } from './path.ts';
import type { FilterFacts } from './walk.ts';

export interface IgnoreOptions {
  /** Patterns of the command line. */
  readonly filter?: PathFilter;
  /** Honour .neoignore and .backupignore. Default true. */
  readonly ignoreFiles?: boolean;
  /** Honour .gitignore and .git/info/exclude too. Default false. */
  readonly gitignore?: boolean;
  /** From parsePresentMarker. */
  readonly excludeIfPresent?: readonly Marker[];
  /** Leave out the content of directories with a valid CACHEDIR.TAG. Default false. */
  readonly excludeCaches?: boolean;
  /** Leave out regular files of more bytes than this. */
  readonly excludeLargerThan?: number;
}

/** A directory as the rules see it. */
export interface DirectoryContent {
  /** Does it hold this name? */
  has(name: Uint8Array): boolean;
  /**
   * The bytes of a file in it; the name may be the path `.git/info/exclude`. Returns undefined for what is missing,
   * unreadable, or no regular file (a symbolic link is not followed, as in git); reporting a failure is up to the caller.
   */
  read(name: Uint8Array): Uint8Array | undefined;
}

const GIT_NAME = '.git';
const GIT = utf8(GIT_NAME);

interface IgnoreFile {
  /** Relative to its directory. */
  readonly name: Uint8Array;
  /** The entry of the directory that must be there for it. */
  readonly entry: Uint8Array;
  readonly fromGit: boolean;
}

function ignoreFile(name: string, fromGit: boolean): IgnoreFile {
  return { name: utf8(name), entry: utf8(name.replace(/\/.*/, '')), fromGit };
}

/** The weakest first. */
const GIT_FILES: readonly IgnoreFile[] = [ignoreFile('.git/info/exclude', true), ignoreFile('.gitignore', true)];
const OWN_FILES: readonly IgnoreFile[] = [ignoreFile('.backupignore', false), ignoreFile('.neoignore', false)];

interface IgnoreScope {
  readonly patterns: ScopedPatterns;
  /** git's own rules do not reach a `.git` nor a repository below. */
  readonly fromGit: boolean;
}

export class IgnoreRules {
  readonly filter: PathFilter;
  /** The weakest first. */
  readonly files: readonly IgnoreFile[];
  readonly markers: ReadonlyMap<string, readonly Marker[]>;
  readonly #sizeLimit: number;
  readonly #tooLarge: Decision;

  constructor(options: IgnoreOptions = {}) {
    this.filter = options.filter ?? new PathFilter([]);
    this.files = [
      ...(options.gitignore === true ? GIT_FILES : []),
      ...(options.ignoreFiles === false ? [] : OWN_FILES),
    ];
    const markers = [...(options.excludeIfPresent ?? []), ...(options.excludeCaches === true ? [CACHE_MARKER] : [])];
    this.markers = Map.groupBy(markers, (marker) => marker.name);
    this.#sizeLimit = options.excludeLargerThan ?? Number.POSITIVE_INFINITY;
    const rule: Rule = {
      kind: 'exclude-larger-than',
      source: '--exclude-larger-than',
      line: undefined,
      pattern: utf8(String(this.#sizeLimit)),
      negated: false,
    };
    this.#tooLarge = { ignored: true, onlyToReach: false, rule };
  }

  /** Undefined with rules of git: what lies in `.git` counts there, and is not seen from its directory. */
  get facts(): FilterFacts | undefined {
    if (this.files.some(({ fromGit }) => fromGit)) return undefined;
    const markers = [...this.markers.values()].flat();
    const rules = [...this.filter.excludes.patterns, ...this.filter.includes.patterns].map(({ rule }) => rule);
    const texts = [...rules, ...markers.map(({ rule }) => rule), this.#tooLarge.rule].map((rule) =>
      rule === undefined ? '' : JSON.stringify([rule.kind, toLatin1(rule.pattern), rule.negated]),
    );
    const headers = markers.map(({ name, header }) => [name, header === undefined ? '' : toLatin1(header)]);
    return {
      fingerprint: JSON.stringify([texts, headers, this.files.length]),
      ruleNames: new Set([...this.markers.keys(), ...this.files.map(({ entry }) => toLatin1(entry))]),
    };
  }

  /**
   * The decision on a source as the user named it: command-line patterns look at its name and its absolute path, the
   * size limit applies, ignore files do not. Do not ask for a source written as `.`, `..` or `/`: it was named for its
   * content. A source that is left out is to be reported.
   */
  decideSource(path: Uint8Array, type: EntryType, size?: number): Decision {
    const text = toLatin1(path).replace(/\/+$/, '');
    const cut = text.lastIndexOf('/') + 1;
    const decision = this.filter.at(fromLatin1(text.slice(0, cut))).decide(text.slice(cut), type);
    return decision.ignored ? decision : (this.decideSize(size) ?? decision);
  }

  /**
   * The rules for the entries of a source directory.
   * @param path absolute
   * @param named false when the source was written as `.`, `..` or `/`, so that its name does not count as included
   */
  enterSource(path: Uint8Array, content: DirectoryContent, named = true): DirectoryRules {
    const text = toLatin1(path).replace(/\/+$/, '');
    const cut = text.lastIndexOf('/') + 1;
    const parent = this.filter.at(fromLatin1(text.slice(0, cut)));
    const name = text.slice(cut);
    const scope = named ? parent.enter(name) : parent.enterAncestor(name);
    return new DirectoryRules(this, `${text}/`, name === '' ? parent : scope, [], content);
  }

  /** Larger than the limit? */
  decideSize(size: number | undefined): Decision | undefined {
    return size !== undefined && size > this.#sizeLimit ? this.#tooLarge : undefined;
  }
}

export class DirectoryRules {
  readonly #rules: IgnoreRules;
  /** Latin1, with a slash at its end. */
  readonly #path: string;
  readonly #filter: FilterScope;
  /** The weakest first. */
  readonly #scopes: readonly IgnoreScope[];
  /** Set when a marker leaves out all but the markers themselves. */
  readonly #marked: Decision | undefined;
  readonly #keptMarkers: ReadonlySet<string>;

  /** Made by {@link IgnoreRules.enterSource} and {@link enter}. */
  constructor(
    rules: IgnoreRules,
    path: string,
    filter: FilterScope,
    inherited: readonly IgnoreScope[],
    content: DirectoryContent,
  ) {
    this.#rules = rules;
    this.#path = path;
    this.#filter = filter;
    const present = presentMarkers(rules, content);
    const first = present[0];
    this.#marked = first === undefined ? undefined : { ignored: true, onlyToReach: false, rule: first.rule };
    this.#keptMarkers = new Set(present.map((marker) => marker.name));
    // A repository below is not ruled by the one above it.
    const repository = inherited.some((scope) => scope.fromGit) && content.has(GIT);
    const outer = repository ? inherited.filter((scope) => !scope.fromGit) : inherited;
    this.#scopes = [...outer, ...readIgnoreFiles(rules, path, content)];
  }

  /**
   * Is this entry left out? Asked for each entry of the directory.
   * @param size of a regular file, if known; otherwise ask {@link IgnoreRules.decideSize} later
   */
  decide(name: Uint8Array, type: EntryType, size?: number): Decision {
    const text = toLatin1(name);
    if (this.#marked !== undefined && !this.#keptMarkers.has(text)) return this.#marked;
    const rule = this.#filter.excludedBy(text, type) ?? this.#lastIgnore(text, type);
    if (rule !== undefined && !rule.negated) return { ignored: true, onlyToReach: false, rule };
    const large = this.#rules.decideSize(size);
    if (large !== undefined) return large;
    const included = this.#filter.includedBy(text, type);
    return rule === undefined || included.ignored ? included : { ...included, rule };
  }

  /** The rules of a directory in this one that {@link decide} did not leave out. */
  enter(name: Uint8Array, content: DirectoryContent): DirectoryRules {
    const text = toLatin1(name);
    const scopes: IgnoreScope[] = [];
    for (const { patterns, fromGit } of this.#scopes) {
      if (!(fromGit && text === GIT_NAME)) scopes.push({ patterns: patterns.enter(text), fromGit });
    }
    return new DirectoryRules(this.#rules, `${this.#path}${text}/`, this.#filter.enter(text), scopes, content);
  }

  #lastIgnore(name: string, type: EntryType): Rule | undefined {
    for (let at = this.#scopes.length - 1; at >= 0; at--) {
      const scope = this.#scopes[at];
      if (scope === undefined || (scope.fromGit && name === GIT_NAME)) continue;
      const match = scope.patterns.lastMatch(name, type);
      if (match !== undefined) return match.rule;
    }
    return undefined;
  }
}

/** The markers of a directory, one for each name. */
function presentMarkers(rules: IgnoreRules, content: DirectoryContent): Marker[] {
  const present: Marker[] = [];
  for (const markers of rules.markers.values()) {
    const found = markers.find((marker) => isPresent(marker, content));
    if (found !== undefined) present.push(found);
  }
  return present;
}

/** The patterns of the ignore files of one directory, the weakest file first. */
function readIgnoreFiles(rules: IgnoreRules, path: string, content: DirectoryContent): IgnoreScope[] {
  const scopes: IgnoreScope[] = [];
  for (const { name, entry, fromGit } of rules.files) {
    if (!content.has(entry)) continue;
    const bytes = content.read(name);
    if (bytes === undefined) continue;
    const patterns = parseIgnoreFile(joinPath(fromLatin1(path), name), bytes);
    if (patterns.length > 0) scopes.push({ patterns: new PatternList(patterns).at(''), fromGit });
  }
  return scopes;
}
