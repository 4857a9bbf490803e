/** One entry of a snapshot by its path, without reading more of the directories than the way to it. */
import { compareBytes, displayBytes, toBase64, utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { ContentKey } from '../core/ids.ts';
import { parseJson } from '../core/json.ts';
import { joinPath, resolvePath, splitPath } from '../fs/path.ts';
import type { Node } from './node.ts';
import { asArray, asCount, asKey, asName, asObject, nodeFromJson } from './node-json.ts';
import { type LoadBlob, readTree } from './tree.ts';

/** The node of that name in a directory. @throws NeoError integrity */
export async function findEntry(load: LoadBlob, tree: ContentKey, name: Uint8Array): Promise<Node | undefined> {
  let key = tree;
  for (let above: number | undefined; ; ) {
    const part = asObject(parseJson(await load('tree', key)), 'part');
    const level = asCount(part['l'], 'level', 30);
    if (above !== undefined && level !== above - 1) throw new NeoError('integrity', 'tree part of a wrong level');
    const entries = asArray(part['e'], 'entries').map((entry) => asObject(entry, 'entry'));
    // Above level 0 an entry names the last name below it.
    const found = entries.find((entry) => compareBytes(asName(entry['n']), name) >= 0);
    if (found === undefined) return undefined;
    if (level === 0) {
      const node = nodeFromJson(found);
      return compareBytes(node.name, name) === 0 ? node : undefined;
    }
    key = asKey(found['k']);
    above = level;
  }
}

/** A path of a snapshot that is there. */
export interface Found {
  /** Absolute, as it is stored. */
  readonly path: Uint8Array;
  /** Undefined for the root. */
  readonly node: Node | undefined;
  /** Of a directory. */
  readonly tree: ContentKey | undefined;
}

/**
 * What stands at a path, absolute or seen from the root. A name that is not there is also compared with names as they are shown, so that `\xff` finds
 * the byte 255: what people cannot type they can copy. Symbolic links are not followed.
 * @returns undefined when there is nothing
 * @throws NeoError integrity
 */
export async function findPath(load: LoadBlob, root: ContentKey, path: Uint8Array): Promise<Found | undefined> {
  return new PathFinder(load, path).find(root);
}

/** The same path in many snapshots: a directory that many have in common is read once. */
export class PathFinder {
  readonly #load: LoadBlob;
  readonly #names: readonly Uint8Array[];
  /** By depth: content key of the directory in base64 → what is at the path, seen from there. */
  readonly #known: readonly Map<string, Found | undefined>[];

  constructor(load: LoadBlob, path: Uint8Array) {
    this.#load = load;
    this.#names = splitPath(resolvePath(utf8('/'), path));
    this.#known = this.#names.map(() => new Map());
  }

  /** As {@link findPath}. */
  async find(root: ContentKey): Promise<Found | undefined> {
    const passed: (() => void)[] = [];
    let found: Found | undefined = { path: utf8('/'), node: undefined, tree: root };
    for (const [depth, name] of this.#names.entries()) {
      const tree: ContentKey | undefined = found.tree;
      if (tree === undefined) {
        found = undefined;
        break;
      }
      const known = this.#known[depth] ?? new Map<string, Found | undefined>();
      const key = toBase64(tree);
      if (known.has(key)) {
        found = known.get(key);
        break;
      }
      passed.push(() => known.set(key, found));
      found = await this.#enter(found.path, tree, name);
      if (found === undefined) break;
    }
    for (const remember of passed) remember();
    return found;
  }

  async #enter(above: Uint8Array, tree: ContentKey, name: Uint8Array): Promise<Found | undefined> {
    const node = (await findEntry(this.#load, tree, name)) ?? (await findShown(this.#load, tree, name));
    if (node === undefined) return undefined;
    return { path: joinPath(above, node.name), node, tree: node.type === 'directory' ? node.tree : undefined };
  }
}

async function findShown(load: LoadBlob, tree: ContentKey, name: Uint8Array): Promise<Node | undefined> {
  if (!name.includes(0x5c)) return undefined;
  const shown = displayBytes(name);
  for await (const node of readTree(load, tree)) if (displayBytes(node.name) === shown) return node;
  return undefined;
}
