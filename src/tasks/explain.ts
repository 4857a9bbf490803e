/** Why a snapshot would keep a path or leave it out: the library's side of `neo ignore explain`. */
import type { EventSink } from '../core/events.ts';
import { explain } from '../fs/ignore-explain.ts';
import type { Rule as IgnoreRule } from '../fs/ignore-pattern.ts';
import type { DirectoryContent, IgnoreRules } from '../fs/ignore-rules.ts';
import { isWithin, joinPath, parentPath, pathOf, resolvePath } from '../fs/path.ts';
import { type FileStat, lstatPath } from '../fs/stat.ts';
import { directoryContent } from '../fs/walk-filter.ts';
import type { Source } from './backup/sources.ts';
import { makeSelection, resolveSources, type SelectionOptions } from './selection.ts';

export type Rule = IgnoreRule;

export interface Explanation {
  /** Absolute. */
  readonly path: Uint8Array;
  /** The source that it was taken for a part of. */
  readonly source: Uint8Array;
  /** `to-reach`: a directory saved only if something that an include names lies below it. */
  readonly decision: 'kept' | 'left-out' | 'to-reach';
  /** What was decided about: the path itself, or a directory above it that is left out, or no directory. */
  readonly at: Uint8Array;
  /** Undefined: no rule said anything. */
  readonly rule: Rule | undefined;
  /** `at` is no directory but a symbolic link or the like: nothing can be saved below it. */
  readonly blocked: boolean;
  /** False when there is nothing at the path; it is then taken for a file unless it ended with a slash. */
  readonly exists: boolean;
}

/**
 * @param directory absolute: where relative paths begin
 * @param source as typed; absent, it is `directory` for paths in it and `/` for others
 * @throws NeoError usage when a path is not below the source, or a pattern can match nothing
 */
export function explainPaths(
  written: readonly Uint8Array[],
  directory: string,
  source: Uint8Array | undefined,
  options: SelectionOptions,
  events: EventSink,
): Explanation[] {
  const { rules } = makeSelection(options, events);
  return written.map((typed) => {
    const path = resolvePath(pathOf(directory), typed);
    const asDirectory = typed.at(-1) === 0x2f;
    return explainOne(rules, path, asDirectory, sourceOf(path, directory, source), events);
  });
}

function sourceOf(path: Uint8Array, directory: string, source: Uint8Array | undefined): Source {
  const own = isWithin(pathOf(directory), path) ? '.' : '/';
  const [resolved] = resolveSources([source ?? pathOf(own)], directory);
  return resolved ?? { path: pathOf('/'), storedAs: pathOf('/'), named: false };
}

function explainOne(
  rules: IgnoreRules,
  path: Uint8Array,
  asDirectory: boolean,
  source: Source,
  events: EventSink,
): Explanation {
  const obstacle = obstacleAbove(path, source.path);
  const asked = obstacle ?? path;
  const stat = statOf(asked);
  const isDirectory = stat === undefined ? asDirectory : stat.type === 'directory';
  const question = {
    source: source.path,
    named: source.named,
    path: asked,
    type: isDirectory ? ('directory' as const) : ('other' as const),
    ...(stat?.type === 'file' ? { size: stat.size } : {}),
  };
  const { ignored, onlyToReach, rule, at } = explain(rules, question, (inside) => contentOf(inside, events));
  const about = { path, source: source.path, exists: statOf(path) !== undefined, at };
  if (ignored) return { ...about, decision: 'left-out', rule, blocked: false };
  if (obstacle !== undefined) return { ...about, decision: 'left-out', rule: undefined, blocked: true };
  return { ...about, decision: onlyToReach ? 'to-reach' : 'kept', rule, blocked: false };
}

/** The highest entry between source and path that is there and is no directory. The walk follows no links. */
function obstacleAbove(path: Uint8Array, source: Uint8Array): Uint8Array | undefined {
  let obstacle: Uint8Array | undefined;
  for (let above = path; above.length > source.length; ) {
    above = parentPath(above);
    const stat = statOf(above);
    if (stat !== undefined && stat.type !== 'directory' && isWithin(source, above)) obstacle = above;
  }
  return obstacle;
}

function statOf(path: Uint8Array): FileStat | undefined {
  try {
    return lstatPath(path);
  } catch {
    // What cannot be looked at is explained by its name alone.
    return undefined;
  }
}

function contentOf(directory: Uint8Array, events: EventSink): DirectoryContent {
  const has = (name: Uint8Array): boolean => statOf(joinPath(directory, name)) !== undefined;
  return directoryContent({ path: directory, access: directory, has }, ({ path, code, message }) =>
    events({ type: 'warning', path, code, message: `cannot be read, so its rules do not count: ${message}` }),
  );
}
