/** What a snapshot takes: sources as a user names them, and rules of what to leave out, from plain texts. */
import { readFileSync } from 'node:fs';
import { messageOf, NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import { PathFilter } from '../fs/ignore-filter.ts';
import { parsePresentMarker } from '../fs/ignore-markers.ts';
import { type IgnorePattern, parseExcludeFile, parseOptionPattern } from '../fs/ignore-pattern.ts';
import { IgnoreRules } from '../fs/ignore-rules.ts';
import { asBuffer, normalisePath, pathOf, resolvePath } from '../fs/path.ts';
import type { WalkFilter } from '../fs/walk.ts';
import { ignoreFilter } from '../fs/walk-filter.ts';
import type { Source } from './backup/sources.ts';

export interface SelectionOptions {
  readonly exclude: readonly string[];
  readonly iexclude: readonly string[];
  /** Paths of files with one pattern a line. */
  readonly excludeFiles: readonly string[];
  readonly include: readonly string[];
  readonly excludeIfPresent: readonly string[];
  readonly excludeCaches: boolean;
  readonly gitignore: boolean;
  /** Bytes. */
  readonly excludeLargerThan?: number;
}

export interface Selection {
  readonly rules: IgnoreRules;
  readonly filter: (source: Source) => WalkFilter<unknown>;
  /** For the record in the snapshot. */
  readonly described: readonly string[];
}

/** @throws NeoError usage for a pattern that can match nothing, or a file that cannot be read */
export function makeSelection(options: SelectionOptions, events: EventSink): Selection {
  const patterns: IgnorePattern[] = [
    ...options.excludeFiles.flatMap((path) => parseExcludeFile(pathOf(path), readPatterns(path))),
    ...options.exclude.map((pattern) => parseOptionPattern('exclude', pattern)),
    ...options.iexclude.map((pattern) => parseOptionPattern('iexclude', pattern)),
    ...options.include.map((pattern) => parseOptionPattern('include', pattern)),
  ];
  const rules = new IgnoreRules({
    filter: new PathFilter(patterns),
    gitignore: options.gitignore,
    excludeIfPresent: options.excludeIfPresent.map((text) => parsePresentMarker(text)),
    excludeCaches: options.excludeCaches,
    ...(options.excludeLargerThan === undefined ? {} : { excludeLargerThan: options.excludeLargerThan }),
  });
  return {
    rules,
    filter: (source) =>
      ignoreFilter(
        rules,
        source.path,
        ({ path, code, message }) =>
          events({
            type: 'warning',
            path,
            code,
            message: `cannot read its rules, so all it names is saved: ${message}`,
          }),
        source.named,
      ),
    described: describe(options),
  };
}

function readPatterns(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new NeoError('usage', `cannot read the patterns in ${path}: ${messageOf(cause)}`, { cause });
  }
}

function describe(options: SelectionOptions): string[] {
  const list = (name: string, values: readonly string[]): string[] => values.map((value) => `--${name} ${value}`);
  return [
    ...list('exclude-file', options.excludeFiles),
    ...list('exclude', options.exclude),
    ...list('iexclude', options.iexclude),
    ...list('include', options.include),
    ...list('exclude-if-present', options.excludeIfPresent),
    ...(options.excludeCaches ? ['--exclude-caches'] : []),
    ...(options.gitignore ? ['--gitignore'] : []),
    ...(options.excludeLargerThan === undefined ? [] : [`--exclude-larger-than ${options.excludeLargerThan}`]),
  ];
}

/**
 * Sources from paths as typed, seen from `directory`.
 * @param storedAs where the only source stands in the snapshot, absolute or below `/`
 * @throws NeoError usage when `storedAs` is given for several sources
 */
export function resolveSources(paths: readonly Uint8Array[], directory: string, storedAs?: string): Source[] {
  if (storedAs !== undefined && paths.length !== 1) {
    throw new NeoError('usage', `--as gives one source another path, and here are ${paths.length}`);
  }
  return paths.map((written) => {
    if (written.length === 0) throw new NeoError('usage', 'a source with an empty path');
    const path = resolvePath(pathOf(directory), written);
    const normal = normalisePath(written);
    const named = !['.', '/', '..'].includes(normal.toString('latin1')) && !normal.toString('latin1').endsWith('/..');
    return { path, storedAs: storedAs === undefined ? path : resolvePath(pathOf('/'), pathOf(storedAs)), named };
  });
}

export type FileListForm = 'lines' | 'verbatim' | 'raw';

/** Paths out of a list: `lines` skips empty lines and those that begin with `#`; `raw` ends each with a NUL. */
export function parseFileList(bytes: Uint8Array, form: FileListForm): Uint8Array[] {
  const list = asBuffer(bytes);
  const end = form === 'raw' ? 0 : 0x0a;
  const paths: Uint8Array[] = [];
  for (let at = 0; at < list.length; ) {
    const found = list.indexOf(end, at);
    const stop = found === -1 ? list.length : found;
    const path = list.subarray(at, stop);
    if (path.length > 0 && !(form === 'lines' && path[0] === 0x23)) paths.push(path);
    at = stop + 1;
  }
  return paths;
}

/** Where a stream stands in the snapshot: absolute, or below `/`. @throws NeoError usage for a name that is none */
export function streamPath(name: string): Uint8Array {
  const path = resolvePath(pathOf('/'), pathOf(name));
  if (path.length <= 1) throw new NeoError('usage', `--stdin-filename ${JSON.stringify(name)} names no file`);
  return path;
}

/** Where the names of an archive stand in the snapshot: absolute, or below `/`. */
export function importPath(path: string): Uint8Array {
  return resolvePath(pathOf('/'), pathOf(path));
}
