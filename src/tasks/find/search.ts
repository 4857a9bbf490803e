/** Directories of snapshots, read once each: what in them is looked for. */
import { toBase64 } from '../../core/bytes.ts';
import { throwIfAborted } from '../../core/concurrency.ts';
import { isNeoError, messageOf } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import type { ContentKey } from '../../core/ids.ts';
import type { PatternList, ScopedPatterns } from '../../fs/ignore-list.ts';
import { toLatin1 } from '../../fs/ignore-pattern.ts';
import { joinPath, pathOf } from '../../fs/path.ts';
import { contentIdentity } from '../../snapshot/identity.ts';
import type { Node } from '../../snapshot/node.ts';
import { type LoadBlob, readTree } from '../../snapshot/tree.ts';

/** An entry whose path is one that is looked for. */
export interface Entry {
  readonly path: Uint8Array;
  readonly node: Node;
  /** Of its content. */
  readonly identity: string;
  /** All other conditions hold, too. */
  readonly isHit: boolean;
}

/** One object for each path and content key: what is the same object is the same all the way down. */
export interface SearchedDirectory {
  /** By name, latin1. */
  readonly entries: ReadonlyMap<string, Entry>;
  readonly directories: ReadonlyMap<string, SearchedDirectory>;
}

export interface Conditions {
  readonly patterns: PatternList | undefined;
  readonly path: (path: Uint8Array) => boolean;
  readonly node: (node: Node) => boolean;
}

export interface SearchMeans {
  readonly load: LoadBlob;
  readonly events: EventSink;
  readonly signal: AbortSignal | undefined;
}

export class Search {
  readonly #conditions: Conditions;
  readonly #means: SearchMeans;
  readonly #known = new Map<string, SearchedDirectory>();
  /** Directories that could not be read. */
  unreadable = 0;

  constructor(conditions: Conditions, means: SearchMeans) {
    this.#conditions = conditions;
    this.#means = means;
  }

  async below(root: ContentKey): Promise<SearchedDirectory> {
    return this.#directory(pathOf('/'), root, this.#conditions.patterns?.at(''));
  }

  /** Directories may lie thousands deep: each call waits for storage before the next, so no stack grows. */
  async #directory(path: Uint8Array, tree: ContentKey, scope: ScopedPatterns | undefined): Promise<SearchedDirectory> {
    const key = `${toBase64(tree)} ${toLatin1(path)}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    throwIfAborted(this.#means.signal);
    const entries = new Map<string, Entry>();
    const inner: [name: string, path: Uint8Array, tree: ContentKey][] = [];
    try {
      for await (const node of readTree(this.#means.load, tree)) {
        const name = toLatin1(node.name);
        const at = joinPath(path, node.name);
        if (this.#isMeant(at, node, name, scope)) entries.set(name, this.#entry(at, node));
        if (node.tree !== undefined) inner.push([name, at, node.tree]);
      }
    } catch (error) {
      if (!isNeoError(error, 'integrity')) throw error;
      this.unreadable += 1;
      this.#means.events({ type: 'warning', path, message: `cannot be read: ${messageOf(error)}`, code: 'integrity' });
    }
    const directories = new Map<string, SearchedDirectory>();
    for (const [name, at, below] of inner) {
      directories.set(name, await this.#directory(at, below, scope?.enter(name)));
    }
    const found = { entries, directories };
    this.#known.set(key, found);
    return found;
  }

  #entry(path: Uint8Array, node: Node): Entry {
    return { path, node, identity: contentIdentity(node), isHit: this.#conditions.node(node) };
  }

  #isMeant(path: Uint8Array, node: Node, name: string, scope: ScopedPatterns | undefined): boolean {
    if (scope !== undefined) {
      const match = scope.lastMatch(name, node.type === 'directory' ? 'directory' : 'other');
      if (match === undefined || match.rule.negated) return false;
    }
    return this.#conditions.path(path);
  }
}
