/** What a snapshot is made of: paths on disk, and where they stand in it. */
import { compareBytes } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { isWithin, joinNames, splitPath } from '../../fs/path.ts';

export interface Source {
  /** Absolute path on disk. */
  readonly path: Uint8Array;
  /** Absolute path in the snapshot. */
  readonly storedAs: Uint8Array;
  /** False when it was written as `.` or the like: then its own name is no match for patterns. */
  readonly named: boolean;
}

/** A directory above sources, or a source. */
export interface SourceTree {
  /** Of the directory in the snapshot; the root's is `/`. */
  readonly path: Uint8Array;
  readonly source: Source | undefined;
  /** In the order of names. */
  readonly children: readonly { readonly name: Uint8Array; readonly tree: SourceTree }[];
}

/** Leaves out sources that lie within others. @throws NeoError usage when two would stand at the same place */
export function distinctSources(sources: readonly Source[]): Source[] {
  const distinct = new Map<string, Source>();
  for (const source of sources) {
    const place = keyOf(splitPath(source.storedAs));
    const same = distinct.get(place);
    if (same !== undefined && compareBytes(same.path, source.path) !== 0) {
      throw new NeoError('usage', 'two sources would stand at the same path in the snapshot');
    }
    if (same === undefined) distinct.set(place, source);
  }
  // Lists of paths may be long: each source looks for those above it, not at all others.
  const inside = (source: Source): boolean => {
    const names = splitPath(source.storedAs);
    return names.some((_, depth) => {
      const outer = distinct.get(keyOf(names.slice(0, depth)));
      return outer !== undefined && isWithin(outer.path, source.path);
    });
  };
  return [...distinct.values()].filter((source) => !inside(source));
}

function keyOf(names: readonly Uint8Array[]): string {
  return names.map((name) => Buffer.from(name).toString('latin1')).join('/');
}

export function sourceTree(sources: readonly Source[]): SourceTree {
  return grow(
    sources.map((source) => ({ source, names: splitPath(source.storedAs) })),
    [],
  );
}

interface Branch {
  readonly source: Source;
  readonly names: readonly Uint8Array[];
}

function grow(branches: readonly Branch[], above: readonly Uint8Array[]): SourceTree {
  const path = joinNames(above, true);
  const here = branches.find(({ names }) => names.length === above.length);
  if (here !== undefined) {
    if (branches.length > 1) throw new NeoError('usage', 'one source would stand within another in the snapshot');
    return { path, source: here.source, children: [] };
  }
  const byName = Map.groupBy(branches, ({ names }) => Buffer.from(names[above.length] ?? []).toString('latin1'));
  const names = [...byName.keys()].sort();
  const children = names.map((text) => {
    const name = Buffer.from(text, 'latin1');
    return { name, tree: grow(byName.get(text) ?? [], [...above, name]) };
  });
  return { path, source: undefined, children };
}
