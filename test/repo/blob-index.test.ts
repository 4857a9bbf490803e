/** The shared index against a plain Map, under many threads, at full load, and under those who choose ids to hurt it. */
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { type BlobId, blobId } from '../../src/core/ids.ts';
import { BlobIndex, type BlobPlace } from '../../src/repo/blob-index.ts';
import { SimRandom } from '../support/sim-random.ts';

/** Few different ids that differ late, early, and not at all in the words that the table looks at. */
function smallId(n: number): BlobId {
  const bytes = new Uint8Array(32);
  bytes[(n * 5) % 16] = n;
  bytes[31] = n;
  return blobId(bytes);
}

const numberOf = (id: BlobId): number => id[31] ?? 0;

function randomIds(count: number, seed: number): BlobId[] {
  const random = new SimRandom(seed);
  return Array.from({ length: count }, () => blobId(random.bytes(32)));
}

type Command =
  | { readonly do: 'claim'; readonly id: number }
  | { readonly do: 'insert'; readonly id: number; readonly place: BlobPlace }
  | { readonly do: 'reserve'; readonly count: number };

const id = fc.integer({ min: 0, max: 20 });
const place: fc.Arbitrary<BlobPlace> = fc.record({
  pack: fc.integer({ min: 1, max: 0xffff_fff0 }),
  offset: fc.integer({ min: 0, max: 0xffff_ffff }),
  length: fc.integer({ min: 0, max: 64 << 20 }),
  trusted: fc.boolean(),
});
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ do: fc.constant('claim' as const), id }),
  fc.record({ do: fc.constant('insert' as const), id, place }),
  fc.record({ do: fc.constant('reserve' as const), count: fc.integer({ min: 0, max: 100 }) }),
);

function carryOut(index: Pick<BlobIndex, 'claim' | 'insert' | 'reserve'>, step: Command): boolean | undefined {
  if (step.do === 'claim') return index.claim(smallId(step.id));
  if (step.do === 'insert') index.insert(smallId(step.id), step.place);
  else index.reserve(step.count);
  return undefined;
}

function compare(index: BlobIndex, model: Model): void {
  for (let n = 0; n <= 20; n++) {
    const found = index.places(smallId(n));
    expect(sorted(found)).toEqual(sorted(model.places.get(n) ?? []));
    const trust = found.map(({ trusted }) => trusted);
    expect(trust).toEqual([...trust].sort().reverse());
    expect(index.has(smallId(n))).toBe(model.has(n));
  }
  const copies = [...model.places.values()].reduce((sum, list) => sum + list.length, 0);
  expect(index.size).toBe(copies + model.claims.size);
}

/** What the index should know. */
class Model {
  readonly claims = new Set<number>();
  readonly places = new Map<number, BlobPlace[]>();

  has(n: number): boolean {
    return this.claims.has(n) || (this.places.get(n) ?? []).some(({ trusted }) => trusted);
  }

  claim(given: BlobId): boolean {
    const n = numberOf(given);
    if (this.has(n)) return false;
    this.claims.add(n);
    return true;
  }

  insert(given: BlobId, added: BlobPlace): void {
    const n = numberOf(given);
    this.claims.delete(n);
    this.places.set(n, [...(this.places.get(n) ?? []), added]);
  }

  reserve(): void {
    // A Map grows by itself.
  }
}

const sorted = (places: readonly BlobPlace[]): string[] =>
  places.map((found) => JSON.stringify(Object.entries(found).sort())).sort();

describe('against a Map', () => {
  it('claims, places and copies are what they should be', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
        const index = BlobIndex.withRoomFor(200);
        const model = new Model();
        for (const step of commands) expect(carryOut(index, step)).toBe(carryOut(model, step));
        for (const view of [index, new BlobIndex(index.share())]) compare(view, model);
      }),
      { numRuns: 200 },
    );
  });
});

describe('at full load', () => {
  it('takes at most 30 bytes a blob', () => {
    const count = 200_000;
    const index = BlobIndex.withRoomFor(count);
    const ids = randomIds(count, 1);
    for (const [n, key] of ids.entries())
      index.insert(key, { pack: n + 1, offset: n, length: 7, trusted: n % 2 === 0 });
    expect(index.size).toBe(count);
    expect(index.share()).toHaveLength(1);
    expect(index.bytes / count).toBeLessThanOrEqual(30);
    for (let n = 0; n < count; n += 97) {
      const key = ids[n] ?? smallId(0);
      expect(index.places(key)).toEqual([{ pack: n + 1, offset: n, length: 7, trusted: n % 2 === 0 }]);
    }
    expect(randomIds(2000, 2).some((key) => index.places(key).length > 0)).toBe(false);
  });

  it('says "store it" once it is full, and never hangs', () => {
    const index = BlobIndex.withRoomFor(0);
    const ids = randomIds(1000, 3);
    for (const key of ids) expect(index.claim(key)).toBe(true);
    expect(ids.filter((key) => !index.claim(key)).length).toBe(index.size);
    for (const key of ids) index.insert(key, { pack: 1, offset: 0, length: 1, trusted: true });
    for (const key of ids) expect(index.places(key)).toHaveLength(1);
    expect(index.size).toBe(1000);
  });

  it('grows when the owner asks, and others see it after an update', () => {
    const index = BlobIndex.withRoomFor(10);
    const other = new BlobIndex(index.share());
    const ids = randomIds(5000, 4);
    for (const key of ids) index.insert(key, { pack: 3, offset: 0, length: 1, trusted: true });
    expect(ids.some((key) => !other.has(key))).toBe(true);
    other.update(index.share());
    expect(ids.every((key) => other.has(key))).toBe(true);
    expect(other.claim(ids[0] ?? smallId(1))).toBe(false);
  });

  it('is not slowed down by ids that begin alike', () => {
    const index = BlobIndex.withRoomFor(60_000);
    const random = new SimRandom(5);
    const started = performance.now();
    for (let n = 0; n < 60_000; n++) {
      const bytes = random.bytes(32);
      bytes.fill(0, 0, 8);
      index.insert(blobId(bytes), { pack: 1, offset: 0, length: 1, trusted: false });
    }
    // Quadratic behaviour takes more than ten seconds.
    expect(performance.now() - started).toBeLessThan(3000);
  });
});

const WORKER = `
  import { parentPort, workerData } from 'node:worker_threads';
  const { BlobIndex } = await import(workerData.module);
  const index = new BlobIndex(workerData.tables);
  const ids = workerData.ids;
  parentPort.on('message', ({ tables, from, to }) => {
    index.update(tables);
    const won = [];
    // Each thread goes another way round, so that they meet everywhere.
    for (let i = from; i < to; i++) {
      const n = from + ((i - from) * workerData.step) % (to - from);
      if (index.claim(ids.subarray(n * 32, n * 32 + 32))) won.push(n);
    }
    parentPort.postMessage(won);
  });
`;

class Claimer {
  readonly #worker: Worker;

  constructor(index: BlobIndex, ids: Uint8Array, step: number) {
    const module = new URL('../../src/repo/blob-index.ts', import.meta.url).href;
    this.#worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(WORKER)}`), {
      workerData: { module, tables: index.share(), ids, step },
    });
  }

  claim(tables: readonly SharedArrayBuffer[], from: number, to: number): Promise<number[]> {
    return new Promise((resolve, reject) => {
      this.#worker.once('message', resolve);
      this.#worker.once('error', reject);
      this.#worker.postMessage({ tables, from, to });
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

function sharedIds(count: number): { all: Uint8Array; at: (n: number) => BlobId } {
  const all = new Uint8Array(new SharedArrayBuffer(count * 32));
  all.set(new SimRandom(6).bytes(count * 32));
  return { all, at: (n) => blobId(all.slice(n * 32, n * 32 + 32)) };
}

/** Coprime to the counts below. */
const STEPS = [1, 7, 11, 13];

describe('claims of several threads', () => {
  it('give each id to exactly one, with the owner placing blobs meanwhile', async () => {
    const count = 40_000;
    const { all, at } = sharedIds(count);
    const index = BlobIndex.withRoomFor(count);
    const workers = STEPS.map((step) => new Claimer(index, all, step));
    const half = count / 2;
    const rounds = [];
    for (const [from, to] of [
      [0, half],
      [half, count],
    ] as const) {
      // As many rounds as tables: what was reserved before a round is known to all in it.
      index.reserve(half);
      const claims = Promise.all(workers.map((worker) => worker.claim(index.share(), from, to)));
      for (let n = 0; n < 500; n++) index.insert(at(from + n * 3), { pack: 9, offset: n, length: 1, trusted: true });
      rounds.push(...(await claims));
    }
    const won = rounds.flat();
    const winners = new Set(won);
    expect(winners.size).toBe(won.length);
    const placed = new Set([0, half].flatMap((from) => Array.from({ length: 500 }, (_, n) => from + n * 3)));
    const missing = Array.from({ length: count }, (_, n) => n).filter((n) => !winners.has(n) && !placed.has(n));
    expect(missing).toEqual([]);
    expect(index.size).toBe(count);
    for (let n = 0; n < count; n += 101) expect(index.has(at(n))).toBe(true);
    await Promise.all(workers.map((worker) => worker.end()));
  });

  it('lose nothing when the table fills up under them', async () => {
    const count = 2001;
    const { all, at } = sharedIds(count);
    const index = BlobIndex.withRoomFor(20);
    const workers = STEPS.map((step) => new Claimer(index, all, step));
    const won = (await Promise.all(workers.map((worker) => worker.claim(index.share(), 0, count)))).flat();
    expect(new Set(won).size).toBe(count);
    expect(index.size).toBeLessThanOrEqual(35);
    for (const n of won) index.insert(at(n), { pack: 1, offset: n, length: 1, trusted: true });
    for (const n of new Set(won))
      expect(index.places(at(n)).length, toHex(at(n))).toBe(won.filter((x) => x === n).length);
    await Promise.all(workers.map((worker) => worker.end()));
  });
});
