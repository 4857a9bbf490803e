/** Notes of the walk for the files cache: what each directory looked like while its tree was made. */
import { toBase64 } from '../../core/bytes.ts';
import type { ContentKey } from '../../core/ids.ts';
import type { Engine } from '../../engine/engine.ts';
import { asBuffer } from '../../fs/path.ts';
import type { FileStat } from '../../fs/stat.ts';
import { putStat, ROW_WORDS } from '../../fs/stat-row.ts';
import type { Node } from '../../snapshot/node.ts';
import type { UsedBundle } from './files-cache.ts';
import {
  type ENTERED,
  joinNames,
  KnownBlocks,
  type KnownDirectory,
  type LINKED,
  TYPE_ONLY,
  USE_WORDS,
  WHOLE,
} from './known-blocks.ts';
import type { KnownTree } from './known-trees.ts';
import { changesUnseen } from './parent.ts';

type Mark = typeof WHOLE | typeof TYPE_ONLY | typeof ENTERED | typeof LINKED;

/** Entries noted, at most: about 50 MB. Larger sources are walked each time. */
const MOST_ENTRIES = 4_000_000;

export class FilesRecord {
  /** When the run began, ns: what is stamped later may change unseen. */
  readonly readSince: bigint;
  readonly bundles: UsedBundle[] = [];
  readonly users = new Set<number>();
  readonly groups = new Set<number>();
  readonly #ordinals = new Map<string, number>();
  #last: { readonly key: ContentKey; readonly ordinal: number } | undefined;
  /** What the walk has left out; noted down only if something was walked, for only then a cache is written. */
  readonly #kept: (readonly [KnownTree, readonly UsedBundle[]])[] = [];
  #walked: KnownBlocks | undefined;
  #entries = 0;
  /** A directory was walked, so that there is something new to keep. */
  #hasWalked = false;

  constructor(engine: Engine, readSince: bigint) {
    this.#walked = new KnownBlocks(engine);
    this.readSince = readSince;
  }

  /** For the cache; undefined when nothing is new in it, or too much would be in it. */
  finish(): readonly Uint8Array[] | undefined {
    const blocks = this.#walked;
    if (!this.#hasWalked || blocks === undefined) return undefined;
    for (const [tree, bundles] of this.#kept) if (!this.#addKept(blocks, tree, bundles)) return undefined;
    return blocks.finish();
  }

  directory(path: Uint8Array, stat: FileStat): DirectoryRecord {
    return new DirectoryRecord(this, asBuffer(path).toString('latin1'), stat);
  }

  ordinal(key: ContentKey, length: number): number {
    // Files of one bundle come together, and with the same object for its key.
    if (this.#last?.key !== key) this.#last = { key, ordinal: this.#ordinalOf(key, length) };
    return this.#last.ordinal;
  }

  #ordinalOf(key: ContentKey, length: number): number {
    const text = toBase64(key);
    const known = this.#ordinals.get(text);
    if (known !== undefined) return known;
    this.#ordinals.set(text, this.bundles.length);
    return this.bundles.push({ key, length }) - 1;
  }

  add(path: string, known: KnownDirectory): void {
    this.#hasWalked = true;
    if (this.#hasRoom(known)) this.#walked?.add(path, known);
  }

  #hasRoom({ marks }: KnownDirectory): boolean {
    this.#entries += marks.length + 1;
    if (this.#entries <= MOST_ENTRIES) return true;
    this.#walked = undefined;
    return false;
  }

  /** What the walk has left out, because nothing in it changed. */
  keep(tree: KnownTree, bundles: readonly UsedBundle[]): void {
    this.#kept.push([tree, bundles]);
  }

  #addKept(blocks: KnownBlocks, { directories }: KnownTree, bundles: readonly UsedBundle[]): boolean {
    for (const [path, known] of directories) {
      const use = known.use.slice();
      for (let i = 0; i < use.length; i += USE_WORDS) {
        const bundle = bundles[use[i] ?? 0];
        if (bundle !== undefined) use[i] = this.ordinal(bundle.key, bundle.length);
      }
      for (let at = 0; at < known.rows.length; at += ROW_WORDS) this.noteOwner(known.rows[at + 2], known.rows[at + 3]);
      if (!this.#hasRoom(known)) return false;
      blocks.add(path, { ...known, use });
    }
    return true;
  }

  noteOwner(user: number | undefined, group: number | undefined): void {
    if (user !== undefined) this.users.add(user);
    if (group !== undefined) this.groups.add(group);
  }
}

export class DirectoryRecord {
  readonly #record: FilesRecord;
  readonly #path: string;
  readonly #names: string[] = [];
  readonly #marks: Mark[] = [];
  /** Bytes by offset, by bundle. */
  readonly #use = new Map<number, Map<number, number>>();
  #rows = new Uint32Array(ROW_WORDS * 8);
  #tainted = false;
  #files = 0;
  #bytes = 0;

  constructor(record: FilesRecord, path: string, stat: FileStat) {
    this.#record = record;
    this.#path = path;
    this.#row(0, stat);
  }

  #row(index: number, stat: FileStat): void {
    const at = index * ROW_WORDS;
    if (at === this.#rows.length) {
      const more = new Uint32Array(at * 2);
      more.set(this.#rows);
      this.#rows = more;
    }
    putStat(this.#rows, at, stat);
    this.#record.noteOwner(stat.uid, stat.gid);
    if (changesUnseen(stat, this.#record.readSince)) this.#tainted = true;
  }

  /** In the order of names: everything that is in the directory. */
  add(name: Uint8Array, stat: FileStat, mark: Mark): void {
    this.#names.push(asBuffer(name).toString('latin1'));
    this.#marks.push(mark);
    this.#row(this.#names.length, stat);
  }

  leftOut(name: Uint8Array, stat: FileStat): void {
    this.add(name, stat, stat.type === 'directory' ? TYPE_ONLY : WHOLE);
  }

  /** It is not in its tree as it looks. */
  taint(): void {
    this.#tainted = true;
  }

  count(size: number): void {
    this.#files += 1;
    this.#bytes += size;
  }

  settled(node: Node | null): void {
    if (node === null) this.#tainted = true;
    else if (node.content?.type === 'slice') {
      const { bundle, bundleLength, offset } = node.content;
      const ordinal = this.#record.ordinal(bundle, bundleLength);
      const slices = this.#use.get(ordinal) ?? new Map<number, number>();
      this.#use.set(ordinal, slices.set(offset, sizeOf(node)));
    }
  }

  finish(tree: ContentKey): void {
    const use: number[] = [];
    for (const [ordinal, slices] of this.#use) {
      for (const [offset, bytes] of slices) use.push(ordinal, offset, bytes);
    }
    this.#record.add(this.#path, {
      names: joinNames(this.#names),
      marks: Uint8Array.from(this.#marks),
      rows: this.#rows.slice(0, (this.#names.length + 1) * ROW_WORDS),
      tree,
      tainted: this.#tainted,
      files: this.#files,
      bytes: this.#bytes,
      use: Uint32Array.from(use),
    });
  }
}

/** Bytes of the bundle that the file needs. */
function sizeOf({ size, extents }: Node): number {
  return extents?.reduce((sum, { length }) => sum + length, 0) ?? size;
}
