/** A run of a writer: packs before segments before the snapshot, nothing after a failure, and nothing lost by a kill. */
import { describe, expect, it } from 'vitest';
import { FaultBackend, type FaultPlan } from '../../src/backends/fault.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { systemRandom } from '../../src/core/random.ts';
import type { BlobKind } from '../../src/repo/blob-entry.ts';
import { BlobReader } from '../../src/repo/blob-reader.ts';
import { BlobWriter, type SavedBlob } from '../../src/repo/blob-writer.ts';
import type { IndexedRepository } from '../../src/repo/indexed.ts';
import { SessionWriter } from '../../src/repo/session-writer.ts';
import { SimClock } from '../support/sim-clock.ts';
import { addClient, type TempRepository, tempRepository, testEngine } from '../support/temp-repository.ts';

interface Rig {
  readonly made: TempRepository<FaultBackend>;
  readonly repository: IndexedRepository;
  readonly session: SessionWriter;
  readonly clock: SimClock;
  readonly stored: number[];
  /** Saves incompressible bytes and closes the pack. */
  readonly savePack: (bytes: number, kind?: BlobKind) => Promise<SavedBlob>;
  readonly puts: () => string[];
}

async function rig(plan: FaultPlan = {}, options: { dryRun?: boolean; role?: 'write' } = {}): Promise<Rig> {
  const clock = new SimClock();
  const backend = new FaultBackend(new MemoryBackend(clock), plan, systemRandom);
  const made = await tempRepository({ backend, clock });
  const credential = options.role === undefined ? undefined : await addClient(await made.open(), options.role, 5);
  const repository = await made.openIndexed(testEngine, credential);
  const stored: number[] = [];
  const session = new SessionWriter(repository, {
    uploads: 2,
    dryRun: options.dryRun ?? false,
    onStored: (bytes) => stored.push(bytes),
  });
  const writer = new BlobWriter({
    context: { ...repository, indexKey: repository.keys.index, session: session.session },
    content: repository.keys.content,
    index: repository.index,
    suite: repository.config.blobSuite,
    packTarget: repository.config.packTarget,
    openPacks: 1,
    onPack: (pack) => session.add(pack),
  });
  const savePack = async (bytes: number, kind: BlobKind = 'data'): Promise<SavedBlob> => {
    const saved = writer.save(kind, systemRandom.bytes(bytes), 0);
    writer.finish();
    await session.room();
    return saved;
  };
  const from = backend.log.length;
  const puts = (): string[] => {
    const paths = backend.log.slice(from).filter(({ kind }) => kind === 'put');
    return paths.map(({ path }) => (/^index\/.*\//.test(path) ? 'interim' : (path.split('/')[0] ?? '')));
  };
  return { made, repository, session, clock, stored, savePack, puts };
}

async function outcome(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
    return 'done';
  } catch (error) {
    return isNeoError(error) ? error.code : String(error);
  }
}

describe('a session', () => {
  it('stores packs, then their segment, then the snapshot', async () => {
    const { session, savePack, puts, made, stored } = await rig();
    const saved = [await savePack(1000), await savePack(2000), await savePack(300, 'tree')];
    expect(puts()).not.toContain('index');
    await session.finish();
    await session.putSnapshot(new Uint8Array(10));
    expect(puts()).toEqual(['packs', 'packs', 'packs', 'index', 'snapshots']);
    expect(stored).toHaveLength(3);
    expect(session.storedBytes).toBeGreaterThan(3 * 65_536);
    const reader = new BlobReader(await made.openIndexed());
    expect(saved.map(({ key }) => reader.has(key))).toEqual([true, true, true]);
  });

  it('writes no segment when nothing is new', async () => {
    const { session, puts } = await rig();
    await session.finish();
    expect(puts()).toEqual([]);
  });

  it('knows its blobs again at once: they are not stored twice', async () => {
    const { repository, savePack } = await rig();
    const { id } = await savePack(1000);
    expect(repository.index.claim(id)).toBe(false);
  });

  it('stores nothing in a dry run, and counts what it would', async () => {
    const { session, savePack, puts } = await rig({}, { dryRun: true });
    await savePack(1000);
    await session.finish();
    await session.putSnapshot(new Uint8Array(10));
    expect(puts()).toEqual([]);
    expect(session.storedBytes).toBeGreaterThan(65_536);
  });
});

describe('a failing storage', () => {
  const strikes: [string, FaultPlan['rules'], string][] = [
    ['a pack', [{ fault: 'error-before', kinds: ['put'], under: 'packs/', code: 'no-space' }], 'no-space'],
    ['the segment', [{ fault: 'error-before', kinds: ['put'], under: 'index/' }], 'unreachable'],
    ['a torn pack', [{ fault: 'torn', kinds: ['put'], under: 'packs/' }], 'unreachable'],
  ];
  it.each(strikes)('fails the run and publishes nothing: %s', async (_, rules, code) => {
    const { session, savePack, puts, made, stored } = await rig({ rules: rules ?? [] });
    const packs = 5;
    for (let n = 0; n < packs; n++) await outcome(() => savePack(1000));
    for (let again = 0; again < 2; again++) {
      expect(await outcome(() => session.finish())).toBe(code);
      expect(await outcome(() => session.putSnapshot(new Uint8Array(10)))).toBe(code);
    }
    expect(puts()).not.toContain('snapshots');
    expect((await made.openIndexed()).index.size).toBe(0);
    // Whoever waits for memory is let go, or workers hang.
    expect(stored).toHaveLength(packs);
  });
});

it('publishes no snapshot before the index knows its packs', async () => {
  const { session, savePack, puts } = await rig();
  await savePack(1000);
  expect(await outcome(() => session.putSnapshot(new Uint8Array(10)))).toBe('failed');
  expect(puts()).not.toContain('snapshots');
});

describe('interim segments', () => {
  it('come after a minute, and the final one covers them', async () => {
    const { session, savePack, puts, clock, made } = await rig();
    await savePack(1000);
    clock.advance(59_000);
    await savePack(1000);
    expect(puts()).toEqual(['packs', 'packs']);
    clock.advance(1000);
    const third = await savePack(1000);
    await session.room();
    clock.advance(60_000);
    const fourth = await savePack(1000);
    await session.finish();
    expect(puts().filter((kind) => kind === 'interim')).toHaveLength(2);
    expect(puts().at(-1)).toBe('index');
    const again = await made.openIndexed();
    expect(again.index.size).toBe(4);
    expect(again.packs.length).toBe(5);
    for (const { id } of [third, fourth]) expect(again.index.places(id)).toHaveLength(1);
  });

  it('of a killed run are found by the next, which stores nothing again', async () => {
    const { savePack, clock, made } = await rig();
    clock.advance(60_000);
    const { id, key } = await savePack(1000);
    const lost = await savePack(1000);
    const again = await made.openIndexed();
    expect(again.index.has(id)).toBe(true);
    expect(again.index.has(lost.id)).toBe(false);
    expect((await new BlobReader(again).load('data', key)).length).toBe(1000);
  });

  it('are not read once a full-role segment covers them, and still are after one of role write', async () => {
    for (const role of [undefined, 'write'] as const) {
      const { session, savePack, clock, made } = await rig({}, role === undefined ? {} : { role });
      clock.advance(60_000);
      await savePack(1000);
      await session.room();
      await session.finish();
      const from = made.backend.log.length;
      const again = await made.openIndexed();
      const read = made.backend.log.slice(from).filter(({ kind, path }) => kind === 'get' && path.startsWith('index/'));
      expect(read).toHaveLength(role === undefined ? 1 : 2);
      expect(again.index.size).toBe(1);
    }
  });

  it('do not let a write-role client hide what others wrote', async () => {
    const { session, savePack, clock, made } = await rig({}, { role: 'write' });
    clock.advance(60_000);
    const { id } = await savePack(1000);
    await session.finish();
    const full = await made.openIndexed();
    expect(full.index.places(id).map(({ trusted }) => trusted)).toEqual([false]);
    expect(full.index.claim(id)).toBe(true);
  });
});
