/**
 * Directories and chunk lists are cut into parts by content and stacked in levels (docs/format.md, section 6), so that
 * a change in a million entries rewrites a few parts only.
 */
import { type ContentKey, contentKey } from '../core/ids.ts';
import { JsonWriter } from '../core/json-writer.ts';

const LIMIT = 1 << 20;
const BITS_A_LEVEL = 10;
const OPENING = '{"e":[';

/** One level below its part's parent. */
export interface PartEntry {
  /** 32 bytes that decide, by content, where parts end. */
  readonly boundary: Uint8Array;
  /** What its parent knows the sum of. */
  readonly weight: number;
}

export interface PartsOptions<Entry extends PartEntry> {
  readonly save: (json: Uint8Array) => ContentKey;
  /** Writes one entry as canonical JSON. */
  readonly write: (out: JsonWriter, entry: Entry) => void;
  /** Makes the entry of level L + 1 for a part of level L, of its last entry and the weights of all. */
  readonly parent: (key: ContentKey, last: Entry, weight: number) => Entry;
}

/** The part that is being filled. */
interface Level<Entry> {
  readonly out: JsonWriter;
  entries: number;
  weight: number;
  last: Entry | undefined;
  parts: number;
  lastKey: ContentKey | undefined;
}

/** Takes entries in order, saves parts as they fill, and gives the key of the root part. */
export class PartsBuilder<Entry extends PartEntry = PartEntry> {
  readonly #options: PartsOptions<Entry>;
  readonly #levels: Level<Entry>[] = [];

  constructor(options: PartsOptions<Entry>) {
    this.#options = options;
  }

  add(entry: Entry): void {
    this.#add(0, entry);
  }

  #level(level: number): Level<Entry> {
    const found = this.#levels[level];
    if (found !== undefined) return found;
    const out = new JsonWriter();
    out.ascii(OPENING);
    const made: Level<Entry> = { out, entries: 0, weight: 0, last: undefined, parts: 0, lastKey: undefined };
    this.#levels[level] = made;
    return made;
  }

  #add(at: number, entry: Entry): void {
    const level = this.#level(at);
    const { out } = level;
    const before = out.length;
    if (level.entries > 0) out.ascii(',');
    const from = out.length;
    this.#options.write(out, entry);
    if (level.entries >= 2 && out.length + closing(at).length > LIMIT) {
      const moved = out.view(from).slice();
      out.truncate(before);
      this.#close(at);
      out.raw(moved);
    }
    level.entries += 1;
    level.weight += entry.weight;
    level.last = entry;
    if (level.entries >= 2 && endsPart(entry.boundary, at)) this.#close(at);
  }

  #close(at: number): void {
    const level = this.#level(at);
    const { last, weight } = level;
    const key = this.#savePart(at, level);
    level.out.truncate(OPENING.length);
    level.entries = 0;
    level.weight = 0;
    level.last = undefined;
    level.parts += 1;
    level.lastKey = key;
    if (last !== undefined) this.#add(at + 1, this.#options.parent(key, last, weight));
  }

  #savePart(at: number, { out }: Level<Entry>): ContentKey {
    out.ascii(closing(at));
    // A copy, for whoever saves it may keep it.
    return this.#options.save(out.view().slice());
  }

  /** The root part: the first level that has one part only. */
  finish(): ContentKey {
    for (let at = 0; ; at++) {
      const level = this.#level(at);
      if (level.parts === 0) return this.#savePart(at, level);
      if (level.parts === 1 && level.entries === 0) return contentKey(level.lastKey ?? new Uint8Array());
      if (level.entries > 0) this.#close(at);
    }
  }
}

function closing(level: number): string {
  return `],"l":${level}}`;
}

/** Bits 10·level … 10·level + 9 are zero. */
function endsPart(boundary: Uint8Array, level: number): boolean {
  for (let bit = level * BITS_A_LEVEL; bit < (level + 1) * BITS_A_LEVEL; bit++) {
    if ((((boundary[bit >> 3] ?? 0) >> (bit & 7)) & 1) !== 0) return false;
  }
  return true;
}
