/**
 * Looks over the sources before the walk: which directories are, with all that lies below them, just as the files cache
 * has them? A name, a row of numbers: no node is made, and nothing is read of the repository.
 */
import { toBase64 } from '../../core/bytes.ts';
import { joinPath, pathOfLatin1 } from '../../fs/path.ts';
import type { UsedBundle } from './files-cache.ts';
import { ENTERED, type KnownDirectory, namesOf, USE_WORDS } from './known-blocks.ts';
import type { DirectoryLook } from './look.ts';

/** A directory that need not be walked, and all below it. */
export interface KnownTree {
  /** By path; itself first. */
  readonly directories: ReadonlyMap<string, KnownDirectory>;
  readonly root: KnownDirectory;
}

/** Deeper ones are walked: the look recurses. */
const MOST_LEVELS = 500;

/** What was found below a directory that is looked at. */
interface Below {
  readonly whole: boolean;
  readonly directories: [string, KnownDirectory][];
}

const UNKNOWN: Below = { whole: false, directories: [] };

export interface KnownTreesOptions {
  /** By path on disk, latin1. */
  readonly directories: ReadonlyMap<string, KnownDirectory>;
  readonly bundles: readonly UsedBundle[];
  /** Bundles whose files are to be read and bundled anew, base64url. */
  readonly givenUp: ReadonlySet<string>;
  readonly look: DirectoryLook;
}

export class KnownTrees {
  readonly #options: KnownTreesOptions;
  readonly #givenUp: readonly boolean[];
  /** The topmost ones, by path. */
  readonly #found = new Map<string, KnownTree>();

  constructor(options: KnownTreesOptions) {
    this.#options = options;
    this.#givenUp = options.bundles.map(({ key }) => options.givenUp.has(toBase64(key)));
  }

  get bundles(): readonly UsedBundle[] {
    return this.#options.bundles;
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
    const { directories, look } = this.#options;
    const known = directories.get(text);
    if (known === undefined || level > MOST_LEVELS) return UNKNOWN;
    const own = look.into(path, known);
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
}
