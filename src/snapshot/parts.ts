/**
 * Directories and chunk lists are cut into parts by content and stacked in levels (docs/format.md, section 6), so that
 * a change in a million entries rewrites a few parts only.
 */
import { utf8 } from '../core/bytes.ts';
import { type ContentKey, contentKey } from '../core/ids.ts';

const LIMIT = 1 << 20;
const BITS_A_LEVEL = 10;

/** One level below its part's parent. */
export interface PartEntry {
  /** Canonical JSON. */
  readonly json: string;
  /** 32 bytes that decide, by content, where parts end. */
  readonly boundary: Uint8Array;
}

/** Makes the entry of level L + 1 for a part of level L. */
export type ParentEntry<Entry extends PartEntry> = (key: ContentKey, entries: readonly Entry[]) => Entry;

interface Level<Entry> {
  entries: Entry[];
  /** Bytes of the part's JSON, with a comma behind each entry. */
  length: number;
  parts: number;
  lastKey: ContentKey | undefined;
}

/** Takes entries in order, saves parts as they fill, and gives the key of the root part. */
export class PartsBuilder<Entry extends PartEntry = PartEntry> {
  readonly #save: (json: Uint8Array) => ContentKey;
  readonly #parent: ParentEntry<Entry>;
  readonly #levels: Level<Entry>[] = [];

  constructor(save: (json: Uint8Array) => ContentKey, parent: ParentEntry<Entry>) {
    this.#save = save;
    this.#parent = parent;
  }

  add(entry: Entry): void {
    this.#add(0, entry);
  }

  #level(level: number): Level<Entry> {
    const found = this.#levels[level];
    if (found !== undefined) return found;
    const made: Level<Entry> = { entries: [], length: emptyLength(level), parts: 0, lastKey: undefined };
    this.#levels[level] = made;
    return made;
  }

  #add(at: number, entry: Entry): void {
    const level = this.#level(at);
    const length = utf8Length(entry.json);
    if (level.entries.length >= 2 && level.length + length > LIMIT) this.#close(at);
    level.entries.push(entry);
    level.length += length + 1;
    if (level.entries.length >= 2 && endsPart(entry.boundary, at)) this.#close(at);
  }

  #close(at: number): void {
    const level = this.#level(at);
    const { entries } = level;
    const key = this.#savePart(at, entries);
    level.entries = [];
    level.length = emptyLength(at);
    level.parts += 1;
    level.lastKey = key;
    this.#add(at + 1, this.#parent(key, entries));
  }

  #savePart(at: number, entries: readonly PartEntry[]): ContentKey {
    return this.#save(utf8(`{"e":[${entries.map(({ json }) => json).join(',')}],"l":${at}}`));
  }

  /** The root part: the first level that has one part only. */
  finish(): ContentKey {
    for (let at = 0; ; at++) {
      const level = this.#level(at);
      if (level.parts === 0) return this.#savePart(at, level.entries);
      if (level.parts === 1 && level.entries.length === 0) return contentKey(level.lastKey ?? new Uint8Array());
      if (level.entries.length > 0) this.#close(at);
    }
  }
}

function emptyLength(level: number): number {
  return `{"e":[],"l":${level}}`.length;
}

function utf8Length(text: string): number {
  return Buffer.byteLength(text);
}

/** Bits 10·level … 10·level + 9 are zero. */
function endsPart(boundary: Uint8Array, level: number): boolean {
  for (let bit = level * BITS_A_LEVEL; bit < (level + 1) * BITS_A_LEVEL; bit++) {
    if ((((boundary[bit >> 3] ?? 0) >> (bit & 7)) & 1) !== 0) return false;
  }
  return true;
}
