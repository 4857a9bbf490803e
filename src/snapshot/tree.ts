/** Directories as blobs: written in order of names, read as a stream. */
import { compareBytes } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import type { ContentKey } from '../core/ids.ts';
import { parseJson } from '../core/json.ts';
import type { JsonWriter } from '../core/json-writer.ts';
import type { Node } from './node.ts';
import { asArray, asCount, asKey, asName, asObject, chunkFromJson, nodeFromJson } from './node-json.ts';
import { writeNode } from './node-text.ts';
import { type PartEntry, PartsBuilder } from './parts.ts';

const MAX_LEVEL = 30;

export type SaveBlob = (kind: 'tree' | 'list', json: Uint8Array) => ContentKey;
export type LoadBlob = (kind: 'tree' | 'list' | 'data', key: ContentKey) => Promise<Uint8Array>;
export type HashBytes = (bytes: Uint8Array) => Uint8Array;

interface TreeEntry extends PartEntry {
  /** Of a part: its last one. */
  readonly name: Uint8Array;
  readonly is: Node | ContentKey;
}

/** The writing side of one directory. `hash` is BLAKE3. */
export class TreeBuilder {
  readonly #parts: PartsBuilder<TreeEntry>;
  readonly #hash: HashBytes;
  #last: Uint8Array | undefined;

  constructor(save: SaveBlob, hash: HashBytes) {
    this.#hash = hash;
    this.#parts = new PartsBuilder<TreeEntry>({
      save: (json) => save('tree', json),
      write: writeEntry,
      parent: (key, { name, boundary }) => ({ name, is: key, boundary, weight: 0 }),
    });
  }

  /** Nodes come in the order of their names' bytes. @throws NeoError failed otherwise */
  add(node: Node): void {
    const { name } = node;
    if (this.#last !== undefined && compareBytes(this.#last, name) >= 0) {
      throw new NeoError('failed', 'directory entries out of order');
    }
    this.#last = name;
    this.#parts.add({ name, is: node, boundary: this.#hash(name), weight: 0 });
  }

  finish(): ContentKey {
    return this.#parts.finish();
  }
}

function writeEntry(out: JsonWriter, { is, name }: TreeEntry): void {
  if (!(is instanceof Uint8Array)) {
    writeNode(out, is);
    return;
  }
  out.ascii('{"k":');
  out.base64(is);
  out.ascii(',"n":');
  out.byteString(name);
  out.ascii('}');
}

/**
 * The nodes of a directory, in order of names.
 * @throws NeoError integrity for anything malformed: duplicate names, wrong levels, names that are no names
 */
export async function* readTree(load: LoadBlob, key: ContentKey): AsyncGenerator<Node> {
  for await (const { nodes } of readTreeParts(load, key)) yield* nodes;
}

/** Nodes that stand in one blob. */
export interface TreePart {
  readonly nodes: readonly Node[];
  /** Of the blob, and of those above it that no earlier part had. */
  readonly keys: readonly ContentKey[];
  /** It is all of the directory: its only part. */
  readonly whole: boolean;
}

/** The same, a part at a time: where each of a million nodes would be waited for, that is most of the time it takes. */
export async function* readTreeParts(load: LoadBlob, key: ContentKey): AsyncGenerator<TreePart> {
  let last: Uint8Array | undefined;
  const root = await readPart(load, 'tree', key);
  for await (const { entries, keys } of partsBelow(load, 'tree', [key], root)) {
    const nodes: Node[] = [];
    let damage: unknown;
    try {
      for (const entry of entries) {
        const node = nodeFromJson(entry);
        if (last !== undefined && compareBytes(last, node.name) >= 0) {
          throw new NeoError('integrity', 'directory has duplicate or unordered names');
        }
        last = node.name;
        nodes.push(node);
      }
    } catch (error) {
      damage = error;
    }
    yield { nodes, keys, whole: root.level === 0 && damage === undefined };
    // What stands before the damage is given first: who lists or restores has at least that.
    if (damage !== undefined) throw damage;
  }
}

/**
 * All level-0 entries below a root part. Levels strictly fall and no part but a root is empty, so no web of parts can go
 * on without giving entries; what stands above a part must be true of it, for who looks up a name relies on it.
 * @throws NeoError integrity
 */
export async function* readParts(load: LoadBlob, kind: 'tree' | 'list', key: ContentKey): AsyncGenerator<unknown> {
  for await (const { entries } of partsBelow(load, kind, [key], await readPart(load, kind, key))) yield* entries;
}

interface PartJson {
  readonly level: number;
  readonly entries: readonly unknown[];
}

async function readPart(load: LoadBlob, kind: 'tree' | 'list', key: ContentKey): Promise<PartJson> {
  const part = asObject(parseJson(await load(kind, key)), 'part');
  return { level: asCount(part['l'], 'level', MAX_LEVEL), entries: asArray(part['e'], 'entries') };
}

interface LowestPart {
  readonly entries: readonly unknown[];
  readonly keys: readonly ContentKey[];
}

/** The level-0 parts; each comes with its key and those of the parts above that it is the first one of. */
async function* partsBelow(
  load: LoadBlob,
  kind: 'tree' | 'list',
  keys: readonly ContentKey[],
  { level, entries }: PartJson,
): AsyncGenerator<LowestPart> {
  if (level === 0) {
    yield { entries, keys };
    return;
  }
  let above = keys;
  for (const entry of entries) {
    const claim = kind === 'tree' ? subtree(entry) : sublist(entry);
    const part = await readPart(load, kind, claim.key);
    if (part.level !== level - 1) throw new NeoError('integrity', `${kind} part of a wrong level`);
    if (part.entries.length === 0) throw new NeoError('integrity', `${kind} part without entries`);
    if (!claim.fits(part.entries)) throw new NeoError('integrity', `${kind} part is not what stands above it`);
    yield* partsBelow(load, kind, [...above, claim.key], part);
    above = [];
  }
}

interface Claim {
  readonly key: ContentKey;
  readonly fits: (entries: readonly unknown[]) => boolean;
}

function subtree(entry: unknown): Claim {
  const json = asObject(entry, 'part');
  const last = asName(json['n']);
  return {
    key: asKey(json['k']),
    fits: (entries) => compareBytes(asName(asObject(entries.at(-1), 'entry')['n']), last) === 0,
  };
}

function sublist(entry: unknown): Claim {
  const { key, length } = chunkFromJson(entry);
  return {
    key,
    fits: (entries) => entries.reduce((sum: number, child) => sum + chunkFromJson(child).length, 0) === length,
  };
}
