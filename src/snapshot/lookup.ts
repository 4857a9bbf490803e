/** One entry of a snapshot by its path, without reading more of the directories than the way to it. */
import { compareBytes, displayBytes, utf8 } from '../core/bytes.ts';
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
  let found: Found = { path: utf8('/'), node: undefined, tree: root };
  for (const name of splitPath(resolvePath(utf8('/'), path))) {
    if (found.tree === undefined) return undefined;
    const node = (await findEntry(load, found.tree, name)) ?? (await findShown(load, found.tree, name));
    if (node === undefined) return undefined;
    found = { path: joinPath(found.path, node.name), node, tree: node.type === 'directory' ? node.tree : undefined };
  }
  return found;
}

async function findShown(load: LoadBlob, tree: ContentKey, name: Uint8Array): Promise<Node | undefined> {
  if (!name.includes(0x5c)) return undefined;
  const shown = displayBytes(name);
  for await (const node of readTree(load, tree)) if (displayBytes(node.name) === shown) return node;
  return undefined;
}
