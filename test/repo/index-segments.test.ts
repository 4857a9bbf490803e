/** Segments taken without an object for each blob: the same places as one by one, and no segment can do harm. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NeoError } from '../../src/core/errors.ts';
import { type BlobId, blobId, clientId, objectName, sessionId } from '../../src/core/ids.ts';
import { BLOB_KINDS, type BlobEntry } from '../../src/repo/blob-entry.ts';
import { BlobIndex, type BlobPlace } from '../../src/repo/blob-index.ts';
import {
  decodeSegment,
  encodeSegment,
  type IndexSegment,
  openSegment,
  type PackRecord,
  unpack,
} from '../../src/repo/index/segment.ts';
import { PlaceCollector } from '../../src/repo/index/sorted-places.ts';
import { ENTRY_LENGTH, MAX_PACK_SIZE } from '../../src/repo/pack/entry.ts';
import { SimRandom } from '../support/sim-random.ts';

const SIZE = 16 << 20;

/** Few ids, so that copies are common. */
const id = fc.integer({ min: 0, max: 30 }).map((n): BlobId => {
  const bytes = new Uint8Array(32);
  bytes[(n * 5) % 16] = n;
  bytes[31] = n;
  return blobId(bytes);
});
const entry: fc.Arbitrary<BlobEntry> = fc.record({
  id,
  kind: fc.constantFrom('data' as const, 'tree' as const, 'list' as const),
  contentEpoch: fc.integer({ min: 0, max: 0xffff }),
  offset: fc.integer({ min: 0, max: 3 }),
  length: fc.integer({ min: 0, max: 3 }),
  hash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
});
const pack: fc.Arbitrary<PackRecord> = fc
  .record({
    name: fc.integer({ min: 0, max: 9 }).map((n) => objectName(`${n}`.repeat(64))),
    size: fc.constantFrom(6, SIZE, MAX_PACK_SIZE),
    author: fc.constantFrom('a', 'b').map((digit) => clientId(digit.repeat(32))),
    role: fc.constantFrom('full' as const, 'write' as const, 'verified' as const),
    entries: fc.array(entry, { maxLength: 40 }),
  })
  .map(({ role, ...rest }) =>
    role === 'verified' ? { ...rest, authorRole: 'write', verified: true } : { ...rest, authorRole: role },
  );
const segment: fc.Arbitrary<IndexSegment> = fc.record({
  final: fc.boolean(),
  session: fc.constant(sessionId('c'.repeat(32))),
  covered: fc.constant([sessionId('d'.repeat(32))]),
  replaced: fc.constant([objectName('e'.repeat(64))]),
  packs: fc.array(pack, { maxLength: 6 }),
});

const text = (places: readonly BlobPlace[]): string[] => places.map((place) => JSON.stringify(place)).sort();

describe('a segment opened', () => {
  it('is the segment decoded', () => {
    fc.assert(
      fc.property(segment, (given) => {
        const body = encodeSegment(given);
        const { packs, ...rest } = openSegment(body);
        expect(rest).toEqual({ ...given, packs: undefined, ...rest });
        const plain = packs.map(unpack).map((one) => ({ ...one, entries: one.entries.map(plainEntry) }));
        expect(plain).toEqual(given.packs.map((one) => ({ ...one, entries: one.entries.map(plainEntry) })));
        expect(decodeSegment(body).session).toBe(given.session);
      }),
    );
  });

  it('never fails otherwise than with an error of ours, and takes no memory for what is not there', () => {
    fc.assert(
      fc.property(segment, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat(), (given, at, value, cut) => {
        const whole = encodeSegment(given);
        const body = whole.slice(0, cut % 3 === 0 ? cut % whole.length : whole.length);
        if (body.length > 0) body[at % body.length] = value;
        try {
          for (const { packed, size } of openSegment(body).packs) {
            expect(packed.length % ENTRY_LENGTH).toBe(0);
            expect(size).toBeLessThanOrEqual(MAX_PACK_SIZE);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(NeoError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is refused for a place outside its pack, and for counts beyond its end', () => {
    const wrong = { id: blobId(new Uint8Array(32)), kind: 'data' as const, contentEpoch: 0, hash: new Uint8Array(32) };
    const record = { name: objectName('1'.repeat(64)), size: 10, author: clientId('a'.repeat(32)) };
    const made = (entries: BlobEntry[]): Uint8Array =>
      encodeSegment({
        final: true,
        session: sessionId('c'.repeat(32)),
        covered: [],
        replaced: [],
        packs: [{ ...record, authorRole: 'full', entries }],
      });
    expect(() => openSegment(made([{ ...wrong, offset: 8, length: 3 }]))).toThrow('outside its pack');
    expect(() => openSegment(made([{ ...wrong, offset: 0xffff_ffff, length: 0xffff_ffff }]))).toThrow('outside');
    const counts = made([]);
    counts.fill(0xff, counts.length - 4);
    expect(() => openSegment(counts)).toThrow('cut short');
    const kind = made([{ ...wrong, offset: 0, length: 1 }]);
    kind[kind.length - ENTRY_LENGTH + 32] = 9;
    expect(() => openSegment(kind)).toThrow('kind 9');
  });
});

function plainEntry({ id, hash, ...rest }: BlobEntry): object {
  return { ...rest, id: [...id], hash: [...hash] };
}

describe('places collected', () => {
  it('are those that were inserted one by one, each once', () => {
    const said = fc.record({ pack: fc.integer({ min: 1, max: 5 }), entries: fc.array(entry, { maxLength: 60 }) });
    fc.assert(
      fc.property(fc.array(said, { maxLength: 8 }), fc.nat({ max: 500 }), (all, expected) => {
        const collector = new PlaceCollector(expected);
        for (const { pack: number, entries } of all) collector.add(number, number % 2 === 0, packedOf(entries));
        const many = BlobIndex.from(collector, 10);
        const one = oneByOne(all);
        const ids = all.flatMap(({ entries }) => entries.map((each) => each.id));
        expect(many.size).toBe(one.size);
        for (const view of [many, new BlobIndex(many.share())]) compare(view, one, ids);
        many.dropClaims(new Set([2]));
        const left = ids.flatMap((each) => many.places(each));
        expect(left.some(({ pack: number }) => number === 2)).toBe(false);
      }),
    );
  });

  it('are trusted where anybody may say so of the same place', () => {
    const place = { kind: 'data' as const, contentEpoch: 0, offset: 1, length: 2, hash: new Uint8Array(32) };
    const id = blobId(new Uint8Array(32).fill(7));
    for (const order of [
      [true, false],
      [false, true],
      [false, true, false],
    ]) {
      const collector = new PlaceCollector(8);
      for (const trusted of order) collector.add(1, trusted, packedOf([{ ...place, id }]));
      collector.add(1, false, packedOf([{ ...place, id, offset: 3 }]));
      const index = BlobIndex.from(collector, 10);
      const places = index.places(id).map(({ offset, trusted }) => [offset, trusted]);
      expect([places, index.has(id)]).toEqual([
        [
          [1, true],
          [3, false],
        ],
        true,
      ]);
    }
  });

  it('answers for every id of many, and for none that is not there', () => {
    const count = 50_000;
    const packed = new SimRandom(5).bytes(count * ENTRY_LENGTH);
    const collector = new PlaceCollector(10);
    for (let at = 0; at < packed.length; at += 1000 * ENTRY_LENGTH) {
      collector.add(1 + at, true, packed.subarray(at, at + 1000 * ENTRY_LENGTH));
    }
    const index = BlobIndex.from(collector, 0);
    expect(index.size).toBe(count);
    for (let at = 0; at < packed.length; at += ENTRY_LENGTH) {
      const blob = packed.slice(at, at + 32);
      if (!index.has(blobId(blob))) expect.unreachable();
      blob[3] = (blob[3] ?? 0) ^ 1;
      if (index.has(blobId(blob))) expect.unreachable();
    }
  });

  it('takes one id told very often, in no more than a sort’s time', () => {
    const packed = new Uint8Array(200_000 * ENTRY_LENGTH);
    const view = new DataView(packed.buffer);
    for (let i = 0; i < 200_000; i++) view.setUint32(i * ENTRY_LENGTH + 35, i % 100_000, true);
    const collector = new PlaceCollector(200_000);
    collector.add(1, false, packed);
    const index = BlobIndex.from(collector, 10);
    expect(index.size).toBe(100_000);
    expect(index.places(blobId(new Uint8Array(32)))).toHaveLength(100_000);
  }, 20_000);
});

interface Said {
  readonly pack: number;
  readonly entries: readonly BlobEntry[];
}

function oneByOne(all: readonly Said[]): BlobIndex {
  const index = BlobIndex.withRoomFor(1000);
  const seen = new Set<string>();
  for (const { pack: number, entries } of all) {
    for (const { id: blob, offset, length } of entries) {
      const key = `${number} ${blob} ${offset} ${length}`;
      if (!seen.has(key)) index.insert(blob, { pack: number, offset, length, trusted: number % 2 === 0 });
      seen.add(key);
    }
  }
  return index;
}

function compare(index: BlobIndex, model: BlobIndex, ids: readonly BlobId[]): void {
  for (const each of ids) {
    expect(text(index.places(each))).toEqual(text(model.places(each)));
    expect(index.has(each)).toBe(model.has(each));
  }
}

function packedOf(entries: readonly BlobEntry[]): Uint8Array {
  const packed = new Uint8Array(entries.length * ENTRY_LENGTH);
  const view = new DataView(packed.buffer);
  for (const [i, { id: blob, kind, offset, length }] of entries.entries()) {
    packed.set(blob, i * ENTRY_LENGTH);
    view.setUint8(i * ENTRY_LENGTH + 32, BLOB_KINDS[kind]);
    view.setUint32(i * ENTRY_LENGTH + 35, offset, true);
    view.setUint32(i * ENTRY_LENGTH + 39, length, true);
  }
  return packed;
}
