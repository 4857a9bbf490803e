/** What is in a replica at any moment, and what becomes of single objects. */
import { describe, expect, it } from 'vitest';
import { AdaptiveConcurrency } from '../../../src/backends/concurrency.ts';
import { MemoryBackend } from '../../../src/backends/memory.ts';
import { RetryBackend } from '../../../src/backends/retry.ts';
import { Replication } from '../../../src/cli/replicate/replication.ts';
import { toHex, utf8 } from '../../../src/core/bytes.ts';
import { NeoError } from '../../../src/core/errors.ts';
import { ignoreEvents } from '../../../src/core/events.ts';
import { loadEngine } from '../../../src/engine/load.ts';
import { type Held, ObjectTree } from '../../../src/protocol/object-tree.ts';
import { SimClock } from '../../support/sim-clock.ts';
import { SimRandom } from '../../support/sim-random.ts';

const engine = await loadEngine();
const clock = new SimClock(0);

const named = (folder: string, text: string) => `${folder}${toHex(engine.blake3(utf8(text)))}`;
const ORDER = ['packs', 'index', 'records', 'snapshots', 'removals', 'tombs', 'keys', 'config'];
const TEXTS: readonly (readonly [string, string])[] = [
  ...['config/1-', 'config/0-', 'keys/ab/1-', 'tombs/1-', 'removals/', 'snapshots/', 'records/', 'index/', 'packs/aa/'],
].map((folder) => [named(folder, folder), folder]);

/** Notes in which order objects come. */
class Noting extends MemoryBackend {
  readonly puts: string[] = [];
  onPut: (path: string) => void = () => undefined;

  override async put(path: string, bytes: Uint8Array): Promise<void> {
    await super.put(path, bytes);
    this.puts.push(path);
    this.onPut(path);
  }
}

async function filled(texts: readonly (readonly [string, string])[] = TEXTS): Promise<Noting> {
  const backend = new Noting(clock);
  for (const [path, text] of texts) await backend.put(path, utf8(text));
  return backend;
}

function replication(
  from: MemoryBackend,
  to: MemoryBackend,
  { isNew = true, signal = undefined as AbortSignal | undefined } = {},
) {
  return new Replication(from, { backend: to, isNew, isEmpty: false }, { engine, events: ignoreEvents, signal });
}

const foldersOf = ({ puts }: Noting) => puts.map((path) => path.slice(0, path.indexOf('/')));

describe('a replication', () => {
  it('ends with the configuration where there was none, and with snapshots and what is said of them else', async () => {
    const first = new Noting(clock);
    await replication(await filled(), first).run(false);
    expect(foldersOf(first)).toEqual([...ORDER, 'config']);
    expect(first.puts.slice(-2).map((path) => path.slice(0, 9))).toEqual(['config/1-', 'config/0-']);
    const later = new Noting(clock);
    await replication(await filled(), later, { isNew: false }).run(false);
    expect(foldersOf(later)).toEqual(['keys', 'config', 'config', ...ORDER.slice(0, 6)]);
    expect(later.puts[1]).toMatch(/^config\/0-/);
  });

  it('brings what came meanwhile, if something rests on it, and leaves new snapshots to the next run', async () => {
    for (const isNew of [true, false]) {
      const [from, to] = [await filled(), new Noting(clock)];
      to.onPut = (path) => {
        if (!path.startsWith('packs/aa/')) return;
        // Not in the first list, though it was there before the snapshot of that list.
        from.tamper(named('packs/bb/', 'later'), utf8('later'));
        from.tamper(named('snapshots/', 'later'), utf8('later'));
      };
      const done = await replication(from, to, { isNew }).run(false);
      const at = (path: string) => to.puts.indexOf(path);
      expect(done.copied).toHaveLength(TEXTS.length + 1);
      expect(at(named('packs/bb/', 'later'))).toBeGreaterThan(0);
      expect(at(named('packs/bb/', 'later'))).toBeLessThan(at(named('snapshots/', 'snapshots/')));
      expect(at(named('snapshots/', 'later'))).toBe(-1);
    }
  });

  it('stops when it is told to, and goes on where it was', async () => {
    const [from, to, stop] = [await filled(), new Noting(clock), new AbortController()];
    to.onPut = (path) => path.startsWith('records/') && stop.abort();
    const run = replication(from, to, { signal: stop.signal }).run(false);
    await expect(run).rejects.toMatchObject({ code: 'interrupted' });
    expect(foldersOf(to)).toEqual(ORDER.slice(0, 3));
    to.onPut = () => undefined;
    expect((await replication(from, to).run(false)).copied).toHaveLength(TEXTS.length - 3);
  });

  it('passes over what vanishes, is damaged, or says of this place alone', async () => {
    const from = await filled();
    const [gone, bad] = [named('packs/cc/', 'gone'), named('packs/dd/', 'bad')];
    for (const path of [gone, bad]) from.tamper(path, utf8('whatever'));
    from.tamper('tombs/1-aa.swept', utf8('done'));
    const getRange = from.getRange.bind(from);
    from.getRange = async (path, range) => (path === gone ? undefined : getRange(path, range));
    const to = new Noting(clock);
    expect(await replication(from, to).run(false)).toMatchObject({ vanished: [gone], damaged: [bad], conflicts: [] });
    expect(to.puts).toHaveLength(TEXTS.length);
  });

  it('does not bring back what was removed there, but what came again here', async () => {
    const texts = ['a', 'b', 'c', 'd'].map((text) => [named('packs/aa/', text), text] as const);
    const path = (n: number) => texts[n]?.[0] ?? '';
    const [from, to] = [await filled(texts), await filled()];
    const knows = async (turns: readonly (readonly [number, number])[]) => {
      const all: Held[] = turns.map(([n, count]) => ({ path: path(n), size: 1, turns: count }));
      const tree = await ObjectTree.of(all);
      return (prefixes: readonly string[]) => Promise.all(prefixes.map((prefix) => tree.node(prefix)));
    };
    const [here, there] = [
      Object.assign(from, {
        tree: await knows([
          [0, 1],
          [1, 3],
          [2, 1],
          [3, 2],
        ]),
      }),
      Object.assign(to, {
        tree: await knows([
          [0, 2],
          [1, 2],
          [2, 3],
        ]),
      }),
    ];
    const done = await replication(here, there, { isNew: false }).run(false);
    expect([done.removedThere, done.copied.map((held) => held.path)]).toEqual([1, [path(1)]]);
  });

  it('ends when storage fails, with what is under way', async () => {
    const [from, to] = [await filled(), new Noting(clock)];
    const put = to.put.bind(to);
    to.put = async (path, bytes) => {
      if (path.startsWith('index/')) throw new NeoError('no-space', 'full');
      return put(path, bytes);
    };
    await expect(replication(from, to).run(false)).rejects.toMatchObject({ code: 'no-space' });
    expect(foldersOf(to)).toEqual(['packs']);
  });
});

describe('what stands before storage', () => {
  it('asks for its tree where it has one', async () => {
    const tree = async () => [{ objects: [] }];
    const memory = new MemoryBackend(clock);
    const steady = (inner: MemoryBackend & { tree?: typeof tree }) =>
      new RetryBackend(new AdaptiveConcurrency(inner, { monotonic: () => clock.now() }), {
        ...{ retryFor: 1, monotonic: () => clock.now(), random: new SimRandom(1), pause: async () => undefined },
      });
    expect(steady(memory).tree).toBeUndefined();
    expect(await steady(Object.assign(memory, { tree })).tree?.([''])).toEqual([{ objects: [] }]);
  });
});
