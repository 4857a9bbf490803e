/**
 * In what two trees differ. Parts that both have are not read, and of parts that differ only the entries are decoded
 * that differ: a directory of thousands in which one file changed costs little.
 */
import { toBase64 } from '../../core/bytes.ts';
import { isNeoError, messageOf, NeoError } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import { parseJson } from '../../core/json.ts';
import { toLatin1 } from '../../fs/ignore-pattern.ts';
import { joinPath, pathOf } from '../../fs/path.ts';
import type { Node } from '../../snapshot/node.ts';
import { nodeFromJson } from '../../snapshot/node-json.ts';
import type { LoadBlob } from '../../snapshot/tree.ts';
import { decodePart, type Reference } from '../check/parts.ts';
import { rawEntries } from './raw-entries.ts';

export interface NodeChange {
  readonly path: Uint8Array;
  readonly before: Node | undefined;
  readonly after: Node | undefined;
}

interface Pair {
  readonly path: Uint8Array;
  readonly before: ContentKey | undefined;
  readonly after: ContentKey | undefined;
}

type TreePart = Extract<Reference, { kind: 'tree' | 'list' }>;

/** `entries`: JSON of each, latin1, of a part at level 0. */
type Part = { readonly entries: readonly string[] } | { readonly parts: readonly TreePart[] };

/** Entries that are held: what is new in one snapshot is old in the next. */
const MOST_ENTRIES = 100_000;

export class TreeChanges {
  readonly #load: LoadBlob;
  readonly #onUnreadable: (path: Uint8Array, reason: string) => void;
  /** Leaves by key in base64; what was used last is the last. */
  readonly #leaves = new Map<string, readonly string[]>();
  #held = 0;

  constructor(load: LoadBlob, onUnreadable: (path: Uint8Array, reason: string) => void) {
    this.#load = load;
    this.#onUnreadable = onUnreadable;
  }

  /** @throws NeoError unreachable; of a directory that cannot be read nothing is known */
  async *between(before: ContentKey | undefined, after: ContentKey): AsyncGenerator<NodeChange> {
    const open: Pair[] = [{ path: pathOf('/'), before, after }];
    for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
      const [old, fresh] = await this.#differing(pair);
      for (const name of new Set([...old.keys(), ...fresh.keys()])) {
        const [one, other] = [old.get(name), fresh.get(name)];
        const node = other ?? one;
        if (node === undefined) continue;
        const path = joinPath(pair.path, node.name);
        yield { path, before: one, after: other };
        if (!isSameKey(one?.tree, other?.tree)) open.push({ path, before: one?.tree, after: other?.tree });
      }
    }
  }

  /** Entries by name, without those that both have. */
  async #differing({ path, before, after }: Pair): Promise<[Map<string, Node>, Map<string, Node>]> {
    const [old, fresh] = [await this.#leavesOf(path, before), await this.#leavesOf(path, after)];
    const own = async (leaves: ReadonlyMap<string, TreePart>, others: ReadonlyMap<string, unknown>) => {
      const entries: string[] = [];
      for (const [name, leaf] of leaves) if (!others.has(name)) entries.push(...(await this.#entries(path, leaf)));
      return new Set(entries);
    };
    const [oldEntries, freshEntries] = [await own(old, fresh), await own(fresh, old)];
    return [this.#nodes(path, oldEntries, freshEntries), this.#nodes(path, freshEntries, oldEntries)];
  }

  #nodes(path: Uint8Array, entries: ReadonlySet<string>, others: ReadonlySet<string>): Map<string, Node> {
    const nodes = new Map<string, Node>();
    for (const entry of entries) {
      if (others.has(entry)) continue;
      const node = this.#attempt(path, () => nodeFromJson(parseJson(Buffer.from(entry, 'latin1'))));
      if (node !== undefined) nodes.set(toLatin1(node.name), node);
    }
    return nodes;
  }

  /** The parts at level 0, by key in base64. */
  async #leavesOf(path: Uint8Array, tree: ContentKey | undefined): Promise<Map<string, TreePart>> {
    const leaves = new Map<string, TreePart>();
    const open: TreePart[] = tree === undefined ? [] : [{ kind: 'tree', key: tree, level: undefined }];
    for (let reference = open.pop(); reference !== undefined; reference = open.pop()) {
      // Whether a root is a leaf, only it tells.
      const part = reference.level === 0 ? LEAF : await this.#part(path, reference);
      if (part === undefined) continue;
      if ('entries' in part) leaves.set(toBase64(reference.key), reference);
      else open.push(...part.parts);
    }
    return leaves;
  }

  async #entries(path: Uint8Array, leaf: TreePart): Promise<readonly string[]> {
    const part = await this.#part(path, leaf);
    return part !== undefined && 'entries' in part ? part.entries : [];
  }

  async #part(path: Uint8Array, { key, level }: TreePart): Promise<Part | undefined> {
    const name = toBase64(key);
    const known = this.#leaves.get(name);
    if (known !== undefined) {
      this.#leaves.delete(name);
      this.#leaves.set(name, known);
      return { entries: known };
    }
    try {
      const part = partOf(await this.#load('tree', key), level);
      if ('entries' in part) this.#hold(name, part.entries);
      return part;
    } catch (error) {
      if (!isNeoError(error, 'integrity')) throw error;
      this.#onUnreadable(path, messageOf(error));
      return undefined;
    }
  }

  #hold(name: string, entries: readonly string[]): void {
    this.#leaves.set(name, entries);
    this.#held += entries.length;
    for (const [oldest, { length }] of this.#leaves) {
      if (this.#held <= MOST_ENTRIES || oldest === name) break;
      this.#leaves.delete(oldest);
      this.#held -= length;
    }
  }

  #attempt<T>(path: Uint8Array, act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      if (!isNeoError(error, 'integrity')) throw error;
      this.#onUnreadable(path, messageOf(error));
      return undefined;
    }
  }
}

const LEAF: Part = { entries: [] };

/** @throws NeoError integrity */
function partOf(json: Uint8Array, level: number | undefined): Part {
  const entries = rawEntries(json);
  if (entries === undefined) {
    const { parts } = decodePart('tree', json, level);
    return { parts: parts.filter(isTreePart) };
  }
  if (level !== undefined && level !== 0) throw new NeoError('integrity', 'tree part of a wrong level');
  return { entries };
}

function isTreePart(reference: Reference): reference is TreePart {
  return reference.kind === 'tree';
}

function isSameKey(a: ContentKey | undefined, b: ContentKey | undefined): boolean {
  return (a === undefined ? '' : toBase64(a)) === (b === undefined ? '' : toBase64(b));
}
