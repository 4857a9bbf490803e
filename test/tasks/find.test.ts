/** What is found in many snapshots is what looking into each of them would find. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ignoreEvents } from '../../src/core/events.ts';
import { type FindOptions, findEntries } from '../../src/tasks/find.ts';
import { History, historySource } from '../../src/tasks/history.ts';
import { HistoryWorld, text } from './history-support.ts';

const options: FindOptions = { patterns: [], ignoreCase: false, deleted: false };

async function find(world: HistoryWorld, more: Partial<FindOptions>) {
  const look = await world.look();
  const history = await History.open(historySource(await world.made.open(), look), ignoreEvents);
  const hits = [...findEntries(history, look.snapshots, { ...options, ...more }).hits];
  return hits.map(({ path, snapshots, deleted, first, last }) => ({
    path: text(path),
    snapshots,
    deleted,
    first: first.name,
    last: last.name,
  }));
}

const paths = async (world: HistoryWorld, more: Partial<FindOptions>): Promise<string[]> =>
  (await find(world, more)).map(({ path }) => path);

type Seen = Map<string, { snapshots: number; first: string; last: string; path: string }>;

function take(
  world: HistoryWorld,
  { name, content }: { readonly name: string; readonly content: string | null },
  now: Map<string, string>,
): void {
  rmSync(join(world.folder, name), { force: true });
  if (content === null) now.delete(name);
  else {
    writeFileSync(join(world.folder, name), content);
    now.set(name, content);
  }
}

function see(seen: Seen, name: string, content: string, snapshot: string): void {
  const { snapshots = 0, first = snapshot } = seen.get(`${name} ${content}`) ?? {};
  seen.set(`${name} ${content}`, { snapshots: snapshots + 1, first, last: snapshot, path: `/home/${name}` });
}

describe('names in neo find', () => {
  it('sees files whose names look like the bytes between two entries', async () => {
    const world = await HistoryWorld.make();
    const names = ['a},{', 'a},{"A":', '},{"', 'b],"l":0}', '{"e":['];
    for (const name of names) writeFileSync(join(world.folder, name), 'one');
    await world.snapshot();
    rmSync(join(world.folder, names[1] ?? ''));
    writeFileSync(join(world.folder, names[0] ?? ''), 'two');
    await world.snapshot();
    const found = await find(world, { types: ['file'] });
    expect(new Set(found.map(({ path }) => path))).toEqual(new Set(names.map((name) => `/home/${name}`)));
    expect(found.filter(({ deleted }) => deleted).map(({ path }) => path)).toEqual([`/home/${names[1]}`]);
    expect(found.length).toBe(6);
  });
});

describe('neo find', () => {
  it('compares names, whole paths, and regular expressions', async () => {
    const world = await HistoryWorld.make();
    mkdirSync(join(world.folder, 'photos/2025'), { recursive: true });
    for (const name of ['a.txt', 'B.TXT', 'photos/c.jpg', 'photos/2025/d.jpg'])
      writeFileSync(join(world.folder, name), name);
    writeFileSync(Buffer.from(`${world.folder}/odd\xff.txt`, 'latin1'), 'odd');
    await world.snapshot();
    expect(await paths(world, { patterns: ['*.txt'] })).toEqual([
      '/home/a.txt',
      text(Buffer.from('/home/odd\xff.txt', 'latin1')),
    ]);
    expect(await paths(world, { patterns: ['*.txt'], ignoreCase: true })).toContain('/home/B.TXT');
    expect(await paths(world, { patterns: ['photos/*.jpg'] })).toEqual(['/home/photos/c.jpg']);
    expect(await paths(world, { patterns: ['/home/**/*.jpg'] })).toEqual([
      '/home/photos/2025/d.jpg',
      '/home/photos/c.jpg',
    ]);
    expect(await paths(world, { patterns: ['photos'] })).toEqual(['/home/photos']);
    expect(await paths(world, { regex: '2025/.\\.jpg$' })).toEqual(['/home/photos/2025/d.jpg']);
    expect(await paths(world, { types: ['directory'] })).toEqual(['/home', '/home/photos', '/home/photos/2025']);
    await expect(find(world, { regex: '(' })).rejects.toMatchObject({ code: 'usage' });
    await expect(find(world, { patterns: [''] })).rejects.toMatchObject({ code: 'usage' });
  });

  it('calls deleted what the newest has not, and not what only fails another condition there', async () => {
    const world = await HistoryWorld.make();
    writeFileSync(join(world.folder, 'shrinks'), 'x'.repeat(1000));
    writeFileSync(join(world.folder, 'goes'), 'x'.repeat(1000));
    const first = await world.snapshot();
    writeFileSync(join(world.folder, 'shrinks'), 'x');
    rmSync(join(world.folder, 'goes'));
    await world.snapshot();
    expect(await find(world, { leastSize: 500 })).toEqual([
      { path: '/home/goes', snapshots: 1, deleted: true, first, last: first },
      { path: '/home/shrinks', snapshots: 1, deleted: false, first, last: first },
    ]);
    expect(await paths(world, { deleted: true })).toEqual(['/home/goes']);
    await world.snapshot('another host');
    expect(await paths(world, { deleted: true })).toEqual(['/home/goes']);
  });

  it('finds the same as looking into each snapshot by itself', async () => {
    const names = ['a', 'b', 'c/a', 'c/d/a', 'c/d/b'] as const;
    const step = fc.record({ name: fc.constantFrom(...names), content: fc.option(fc.constantFrom('1', '2')) });
    const history = fc.array(fc.record({ host: fc.constantFrom('x', 'y'), steps: fc.array(step, { maxLength: 3 }) }), {
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(history, async (runs) => {
        const world = await HistoryWorld.make();
        mkdirSync(join(world.folder, 'c/d'), { recursive: true });
        const now = new Map<string, string>();
        const seen: Seen = new Map();
        const newest = new Map<string, Set<string>>();
        for (const { host, steps } of runs) {
          for (const each of steps) take(world, each, now);
          const snapshot = await world.snapshot(host);
          newest.set(host, new Set(now.keys()));
          for (const [name, content] of now) see(seen, name, content, snapshot);
        }
        const expected = [...seen].map(([key, found]) => {
          const [name = ''] = key.split(' ');
          return { ...found, deleted: ![...newest.values()].some((files) => files.has(name)) };
        });
        const order = (a: { path: string; first: string; last: string }, b: typeof a): number =>
          `${a.path} ${a.first}` < `${b.path} ${b.first}` ? -1 : 1;
        expect((await find(world, { types: ['file'] })).sort(order)).toEqual(expected.sort(order));
      }),
      { numRuns: 12 },
    );
  });
});
