/** Directories of a restore in the order of the tree: filters, entries of the target that are not in the snapshot, and
 * trees that cannot be. */
import { displayBytes, equalBytes, toHex } from '../../core/bytes.ts';
import { throwIfAborted } from '../../core/concurrency.ts';
import { isNeoError, NeoError } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import type { FilterScope } from '../../fs/ignore-filter.ts';
import { fromLatin1, toLatin1 } from '../../fs/ignore-pattern.ts';
import { isWithin, joinPath } from '../../fs/path.ts';
import { TargetNames } from '../../fs/target-names.ts';
import { isTemporaryName } from '../../fs/writer-name.ts';
import type { Node } from '../../snapshot/node.ts';
import { readTreeParts } from '../../snapshot/tree.ts';
import type { Context } from './context.ts';
import type { Deletions } from './deletions.ts';
import type { Entries } from './entries.ts';
import { isKept } from './existing.ts';
import { hostile } from './loader.ts';
import { Place } from './place.ts';

/** Read for every snapshot (fs/ignore-rules.ts). */
const IGNORE_FILES = ['.neoignore', '.backupignore'];

export interface WalkOptions {
  readonly context: Context;
  readonly entries: Entries;
  readonly deletions: Deletions;
  /** Absolute paths that the snapshot is of; in directories above them nothing is deleted. */
  readonly sources: readonly Uint8Array[];
}

interface Level {
  readonly place: Place;
  readonly tree: ContentKey;
  /** Undefined: every name can be there as it is. */
  readonly names: TargetNames | undefined;
  /** In the snapshot. */
  readonly path: Uint8Array;
  readonly scope: FilterScope;
  /** What the snapshot left out. */
  readonly saved: FilterScope;
  readonly above: ReadonlySet<string>;
  /** Entered only for what may be below. */
  readonly onlyToReach: boolean;
}

export class Walk {
  readonly #options: WalkOptions;

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  /** All below a directory of the snapshot into an existing place. `path` is its own in the snapshot. */
  async below(place: Place, tree: ContentKey, path: Uint8Array): Promise<void> {
    const { filter, leftOut } = this.#options.context;
    const [scope, saved] = [filter.at(path), leftOut.filter.at(path)];
    const names = this.#names();
    await this.#level({ place, tree, names, path, scope, saved, above: new Set(), onlyToReach: false });
  }

  /** One entry with all below it, under a name that may be another than its own. */
  async entry(place: Place, node: Node, name: Uint8Array, parentPath: Uint8Array): Promise<void> {
    const { filter, leftOut } = this.#options.context;
    const [scope, saved] = [filter.at(parentPath), leftOut.filter.at(parentPath)];
    const level = { place, path: parentPath, scope, saved, above: new Set<string>(), onlyToReach: false };
    const possible = this.#names()?.of(name) ?? name;
    this.#tell(place, name, possible);
    if (node.type !== 'directory') {
      this.#leftovers(place, possible);
      return this.#options.entries.restore(place, node, possible);
    }
    await this.#directory(level, node, possible, scope.enter(toLatin1(node.name)), false);
  }

  #names(): TargetNames | undefined {
    const { targetSystem } = this.#options.context;
    return targetSystem === undefined ? undefined : new TargetNames(targetSystem);
  }

  #tell(place: Place, name: Uint8Array, possible: Uint8Array): void {
    const { context } = this.#options;
    if (context.mode !== 'count' && !equalBytes(name, possible)) context.tally.rename(place.pathOf(name), possible);
  }

  async #level(level: Level): Promise<void> {
    const { context } = this.#options;
    const key = toHex(level.tree);
    if (level.above.has(key)) throw hostile('a directory contains itself');
    const names = context.deletes || context.resume ? new Set<string>() : undefined;
    if (!(await this.#tree(level, names))) return;
    if (names !== undefined) this.#extra(level, names);
    level.place.release();
  }

  /** False when a part of this directory is damaged: what came before it is restored, nothing here may be deleted. */
  async #tree(level: Level, names: Set<string> | undefined): Promise<boolean> {
    const { context } = this.#options;
    let seen = 0;
    try {
      for await (const { nodes } of readTreeParts(context.load, level.tree)) {
        const possible = nodes.map(({ name }) => level.names?.of(name) ?? name);
        for (const name of names === undefined ? [] : possible) names?.add(toLatin1(name));
        seen += nodes.length;
        await this.#nodes(level, nodes, possible);
      }
      return true;
    } catch (error) {
      if (!isNeoError(error, 'failed')) throw error;
      if (seen === 0 && level.above.size === 0) throw unreadable(error);
      context.tally.fail(level.place.path, error);
      return false;
    }
  }

  /** @param names that they get, in the same order */
  async #nodes(level: Level, nodes: readonly Node[], names: readonly Uint8Array[]): Promise<void> {
    for (const [at, node] of nodes.entries()) {
      throwIfAborted(this.#options.context.signal);
      const working = this.#node(level, node, names[at] ?? node.name);
      // Most is done by then, and to wait for each of a million entries takes longer than to plan them.
      if (working instanceof Promise) await working;
    }
  }

  #node(level: Level, node: Node, possible: Uint8Array): void | Promise<void> {
    const name = toLatin1(node.name);
    const isDirectory = node.type === 'directory';
    const { ignored, onlyToReach } = level.scope.decide(name, isDirectory ? 'directory' : 'other');
    if (ignored) return;
    this.#tell(level.place, node.name, possible);
    if (isDirectory) return this.#directory(level, node, possible, level.scope.enter(name), onlyToReach);
    if (this.#options.context.mode === 'count') this.#options.deletions.countReplaced(level.place, possible);
    return this.#options.entries.restore(level.place, node, possible);
  }

  async #directory(
    level: Omit<Level, 'tree' | 'names'> & { readonly tree?: ContentKey },
    node: Node,
    name: Uint8Array,
    scope: FilterScope,
    onlyToReach: boolean,
  ): Promise<void> {
    const { context } = this.#options;
    const { tree } = node;
    try {
      if (tree === undefined) throw hostile('a directory without content');
      if (this.#isInTheWay(level.place, node, name)) return;
      const metadata =
        context.mode === 'restore' ? await context.metadata.of(node, () => level.place.pathOf(name)) : undefined;
      const place = new Place(level.place.target, level.place, name, metadata, context.overwrite === 'never');
      if (!onlyToReach) this.#reach(place, node);
      const above = level.tree === undefined ? level.above : new Set([...level.above, toHex(level.tree)]);
      const saved = level.saved.enter(toLatin1(node.name));
      const [path, names] = [joinPath(level.path, node.name), this.#names()];
      await this.#level({ place, tree, names, path, scope, saved, above, onlyToReach });
    } catch (error) {
      context.tally.fail(level.place.pathOf(name), error);
    }
  }

  /** Something else than a directory, which stays by the overwrite policy even if it could be replaced. */
  #isInTheWay(above: Place, node: Node, name: Uint8Array): boolean {
    const { overwrite, tally, mode, act } = this.#options.context;
    const existing = above.isNew ? undefined : above.target.stat(above.existing(), name);
    if (existing === undefined || existing.isDirectory() || !isKept(overwrite, node, existing)) return false;
    const path = above.pathOf(name);
    act({ action: 'skip', type: node.type, path: joinPath(tally.root, path) });
    if (mode === 'restore') tally.lose(path, 'no directory, and is not to be overwritten', 'already-exists');
    return true;
  }

  #reach(place: Place, node: Node): void {
    const { context } = this.#options;
    if (context.mode === 'restore') {
      place.ensure();
      context.tally.directories += 1;
    } else if (context.mode === 'dry-run' && place.isNew) {
      context.act({ action: 'create', type: node.type, path: joinPath(context.tally.root, place.path) });
    }
  }

  /** What the target has and the snapshot has not. */
  #extra(level: Level, names: ReadonlySet<string>): void {
    const { context, deletions } = this.#options;
    const { place } = level;
    if (place.isNew) return;
    for (const name of IGNORE_FILES) if (names.has(name)) deletions.ignoreFiles.add(name);
    const mayDelete =
      context.deletes && !level.onlyToReach && this.#isCovered(level.path) && !this.#isUnknown(place, names);
    for (const entry of place.target.list(place.existing())) {
      const name = entry.toString('latin1');
      if (isTemporaryName(entry)) this.#leftover(place, entry, names);
      else if (mayDelete && !names.has(name) && !this.#isFiltered(level, place, name)) deletions.add(place, entry);
    }
  }

  /** A mount point that the snapshot has empty: it may have been left out as another file system. */
  #isUnknown(place: Place, names: ReadonlySet<string>): boolean {
    if (names.size > 0 || !place.isMountPoint()) return false;
    const where = displayBytes(joinPath(this.#options.context.tally.root, place.path));
    this.#options.context.tally.note(`${where} is a mount point, empty in the snapshot: nothing in it is deleted`);
    return true;
  }

  /** What an interrupted restore of one entry left beside it. */
  #leftovers(place: Place, name: Uint8Array): void {
    if (!this.#options.context.resume || place.isNew) return;
    const names = new Set([toLatin1(name)]);
    for (const entry of place.target.list(place.existing())) {
      if (isTemporaryName(entry)) this.#leftover(place, entry, names);
    }
  }

  #leftover(place: Place, entry: Uint8Array, names: ReadonlySet<string>): void {
    const { resume, mode } = this.#options.context;
    if (resume && mode === 'restore' && !names.has(toLatin1(entry))) place.target.remove(place.existing(), entry);
  }

  /** Below or at what was saved: only there does the snapshot know everything. */
  #isCovered(path: Uint8Array): boolean {
    return this.#options.sources.some((source) => isWithin(source, path));
  }

  #isFiltered(level: Level, place: Place, name: string): boolean {
    const { filter, leftOut } = this.#options.context;
    if (!filter.active && !leftOut.filter.active) return false;
    const isDirectory = place.target.stat(place.existing(), fromLatin1(name))?.isDirectory() === true;
    return [level.scope, level.saved].some((scope) => {
      const { ignored, onlyToReach } = scope.decide(name, isDirectory ? 'directory' : 'other');
      return ignored || onlyToReach;
    });
  }
}

function unreadable(cause: NeoError): NeoError {
  return new NeoError('integrity', `nothing can be restored: ${cause.message}`, {
    cause,
    hint: 'see what else is damaged: neo check --read-data; other snapshots may be whole',
  });
}
