/** Parts of long directories and lists: the same root however they come about, small parts, and few of them rewritten. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { type ContentKey, contentKey } from '../../src/core/ids.ts';
import { PartsBuilder, type PartEntry as Weighed } from '../../src/snapshot/parts.ts';
import { SimRandom } from '../support/sim-random.ts';
import { hash } from './blobs.ts';

const LIMIT = 1 << 20;

interface Built {
  readonly root: ContentKey;
  readonly parts: ReadonlyMap<string, Uint8Array>;
}

interface PartEntry extends Omit<Weighed, 'weight'> {
  readonly json: string;
}

/** Entries are `[text]`; a part's parent holds its key and how many entries lie below. */
function build(entries: Iterable<PartEntry>): Built {
  const parts = new Map<string, Uint8Array>();
  const builder = new PartsBuilder<PartEntry & Weighed>({
    save: (json) => {
      const key = contentKey(hash(json));
      parts.set(toHex(key), json);
      return key;
    },
    write: (out, { json }) => out.json(json),
    parent: (key, { boundary }) => ({ json: JSON.stringify(toHex(key)), boundary, weight: 0 }),
  });
  for (const entry of entries) builder.add({ ...entry, weight: 0 });
  return { root: builder.finish(), parts };
}

function entryOf(text: string): PartEntry {
  return { json: JSON.stringify([text]), boundary: hash(utf8(text)) };
}

interface Part {
  readonly e: readonly (string | [string])[];
  readonly l: number;
}

function parse(built: Built, key: string): Part {
  const bytes = built.parts.get(key);
  if (bytes === undefined) throw new Error(`no part ${key}`);
  return JSON.parse(Buffer.from(bytes).toString()) as Part;
}

function* leaves(built: Built, key = toHex(built.root)): Generator<string> {
  const part = parse(built, key);
  for (const entry of part.e) {
    if (typeof entry !== 'string') yield entry[0];
    else {
      expect(parse(built, entry).l).toBe(part.l - 1);
      yield* leaves(built, entry);
    }
  }
}

/** The definition of docs/format.md, section 6, level by level, as slowly as it may be. */
function byTheBook(entries: readonly PartEntry[], level = 0): { readonly root: string; readonly parts: number } {
  const zero = (entry: PartEntry): boolean =>
    Array.from({ length: 10 }, (_, i) => 10 * level + i).every(
      (i) => (((entry.boundary[i >> 3] ?? 0) >> (i & 7)) & 1) === 0,
    );
  const jsonOf = (part: readonly PartEntry[]): string =>
    `{"e":[${part.map(({ json }) => json).join(',')}],"l":${level}}`;
  const parts: PartEntry[][] = [];
  let part: PartEntry[] = [];
  for (const entry of entries) {
    if (part.length >= 2 && Buffer.byteLength(jsonOf([...part, entry])) > LIMIT) parts.push(part.splice(0));
    part.push(entry);
    if (part.length >= 2 && zero(entry)) parts.push(part.splice(0));
    part = [...part];
  }
  if (part.length > 0 || parts.length === 0) parts.push(part);
  const keys = parts.map((made) => toHex(hash(utf8(jsonOf(made)))));
  const [only] = keys;
  if (keys.length === 1 && only !== undefined) return { root: only, parts: 1 };
  const parents = parts.map((made, n) => ({
    json: JSON.stringify(keys[n]),
    boundary: made.at(-1)?.boundary ?? new Uint8Array(32),
  }));
  const above = byTheBook(parents, level + 1);
  return { root: above.root, parts: parts.length + above.parts };
}

/** Boundaries that are often zero at one level or several, as few hashes are. */
const boundary = fc
  .tuple(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.integer({ min: 0, max: 40 }))
  .map(([bytes, bits]) =>
    bytes.map((byte, i) => (i < bits >> 3 ? 0 : i === bits >> 3 ? byte & (255 << (bits & 7)) : byte)),
  );
const entry = fc
  .tuple(fc.string({ unit: 'grapheme', maxLength: 8 }), boundary)
  .map(([text, bytes]): PartEntry => ({ json: JSON.stringify([text]), boundary: bytes }));

describe('a builder', () => {
  it('cuts as the format says', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 200 }), (entries) => {
        expect(toHex(build(entries).root)).toBe(byTheBook(entries).root);
      }),
      { numRuns: 300 },
    );
  });

  it('cuts at exactly one MiB, as the format says', () => {
    const never = new Uint8Array(32).fill(255);
    for (const spare of [-1, 0, 1, 2]) {
      const sizes = [400_000, LIMIT - 400_000 - '{"e":[,],"l":0}'.length - spare, 10];
      const entries = sizes.map((size) => ({ json: JSON.stringify(['x'.repeat(size - 4)]), boundary: never }));
      const built = build(entries);
      expect(toHex(built.root)).toBe(byTheBook(entries).root);
      expect([...leaves(built)]).toHaveLength(3);
    }
  });

  it('gives back its entries in order, and parts of at most one MiB with two entries or more', () => {
    const random = new SimRandom(1);
    const texts = Array.from({ length: 6000 }, (_, n) => `${n} ${'ü'.repeat(random.below(1500))}`);
    const built = build(texts.map(entryOf));
    expect([...leaves(built)]).toEqual(texts);
    const last = new Set<string>();
    for (let key: string | undefined = toHex(built.root); key !== undefined; ) {
      last.add(key);
      const end: string | [string] | undefined = parse(built, key).e.at(-1);
      key = typeof end === 'string' ? end : undefined;
    }
    for (const [key, json] of built.parts) {
      expect(json.length).toBeLessThanOrEqual(LIMIT);
      if (!last.has(key)) expect(parse(built, key).e.length).toBeGreaterThanOrEqual(2);
    }
  });

  it('makes an empty root of nothing', () => {
    const built = build([]);
    expect(parse(built, toHex(built.root))).toEqual({ e: [], l: 0 });
  });

  it('ends with entries that all end a part, or none', () => {
    for (const fill of [0, 255]) {
      const entries = Array.from({ length: 3000 }, (_, n) => ({
        json: JSON.stringify([String(n)]),
        boundary: new Uint8Array(32).fill(fill),
      }));
      expect([...leaves(build(entries))]).toHaveLength(3000);
    }
  });

  it('takes an entry that is larger than a part', () => {
    const entries = Array.from({ length: 5 }, (_, n) => entryOf(`${n}${'x'.repeat(LIMIT)}`));
    expect([...leaves(build(entries))]).toHaveLength(5);
  });
});

describe('a change among 100,000 entries', () => {
  const names = Array.from({ length: 100_000 }, (_, n) => `name ${String(n).padStart(6, '0')}`);
  const before = build(names.map(entryOf));
  const rewritten = (after: Built): number => [...after.parts.keys()].filter((key) => !before.parts.has(key)).length;
  const places = [0, 1, 777, 50_000, 99_998, 99_999];

  it.each(places)('rewrites few parts: %i changed', (at) => {
    const after = build(
      names.map((name, n) => ({ ...entryOf(name), json: JSON.stringify([n === at ? 'changed' : name]) })),
    );
    expect(rewritten(after)).toBeLessThanOrEqual(3);
    expect(rewritten(after)).toBeGreaterThanOrEqual(2);
  });

  it.each(places)('rewrites few parts: %i taken away, or one put before it', (at) => {
    expect(rewritten(build(names.filter((_, n) => n !== at).map(entryOf)))).toBeLessThanOrEqual(4);
    const more = names.flatMap((name, n) => (n === at ? [`${name.slice(0, -1)}!`, name] : [name]));
    expect(rewritten(build(more.map(entryOf)))).toBeLessThanOrEqual(4);
  });

  it('makes about a part for each thousand', () => {
    expect(before.parts.size).toBeGreaterThan(60);
    expect(before.parts.size).toBeLessThan(160);
  });
});
