/** What a snapshot left out on purpose: it knows nothing of such names, so `--delete` must not take them for gone. */
import { isNeoError } from '../../core/errors.ts';
import { PathFilter } from '../../fs/ignore-filter.ts';
import { type IgnorePattern, parseOptionPattern } from '../../fs/ignore-pattern.ts';

export interface LeftOut {
  /** Patterns of the snapshot's own options. */
  readonly filter: PathFilter;
  /** Rules that cannot be applied again from the snapshot alone, as they were given. */
  readonly unknown: readonly string[];
}

/** @param excludes of the snapshot: options as they were typed, `--exclude *.tmp` */
export function leftOutOf(excludes: readonly string[]): LeftOut {
  const patterns: IgnorePattern[] = [];
  const unknown: string[] = [];
  for (const text of excludes) {
    const pattern = patternOf(text);
    if (pattern === undefined) unknown.push(text);
    else patterns.push(pattern);
  }
  return { filter: new PathFilter(patterns), unknown };
}

function patternOf(text: string): IgnorePattern | undefined {
  const [, option, pattern] = /^--(exclude|iexclude|include) (.*)$/s.exec(text) ?? [];
  if (pattern === undefined) return undefined;
  try {
    return parseOptionPattern(option as 'exclude' | 'iexclude' | 'include', pattern);
  } catch (error) {
    if (!isNeoError(error)) throw error;
    return undefined;
  }
}
