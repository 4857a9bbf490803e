/** Differences between snapshots, and between a snapshot and the disk. */
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ignoreEvents, type NeoEvent } from '../../src/core/events.ts';
import { type Difference, diffTrees } from '../../src/tasks/diff.ts';
import { type DiffName, pairsOf } from '../../src/tasks/diff-pairs.ts';
import { unifiedDiff } from '../../src/tasks/text-diff.ts';
import { verifySource } from '../../src/tasks/verify-source.ts';
import { HistoryWorld, path, text } from './history-support.ts';

async function differences(
  world: HistoryWorld,
  names: readonly [DiffName, DiffName | undefined],
  metadata = false,
): Promise<readonly Difference[]> {
  const pairs = await pairsOf(await world.indexed(), await world.look(), names, ignoreEvents);
  const found: Difference[] = [];
  const tally = { files: 0, unreadable: 0 };
  for (const [before, after] of pairs) {
    for await (const each of diffTrees(before, after, { metadata }, { events: ignoreEvents }, tally)) found.push(each);
  }
  expect(tally.unreadable).toBe(0);
  return found;
}

const shown = (found: readonly Difference[]): string[] =>
  found.map(({ change, path: at, metadata }) => `${change} ${text(at)}${metadata.length > 0 ? ` ${metadata}` : ''}`);

function changeOf(name: string, before: string | undefined, after: string | undefined): string[] {
  if (before === after) return [];
  if (before === undefined) return [`added /home/${name}`];
  return [`${after === undefined ? 'removed' : 'content'} /home/${name}`];
}

describe('neo diff', () => {
  it('tells what came, went, changed and is something else, in the order of paths', async () => {
    const world = await HistoryWorld.make();
    const at = (name: string): string => join(world.folder, name);
    mkdirSync(at('dir/old'), { recursive: true });
    for (const name of ['same', 'content', 'link', 'dir/old/x', 'mode']) writeFileSync(at(name), 'before');
    const before = await world.snapshot();
    rmSync(at('dir'), { recursive: true });
    mkdirSync(at('fresh'));
    writeFileSync(at('fresh/y'), '');
    writeFileSync(at('content'), 'after!');
    rmSync(at('link'));
    symlinkSync('same', at('link'));
    chmodSync(at('mode'), 0o600);
    const after = await world.snapshot();
    const names = [{ snapshot: before }, { snapshot: after }] as const;
    const expected = [
      'content /home/content',
      'removed /home/dir',
      'removed /home/dir/old',
      'removed /home/dir/old/x',
      'added /home/fresh',
      'added /home/fresh/y',
      'type /home/link',
    ];
    expect(shown(await differences(world, names))).toEqual(expected);
    const more = shown(await differences(world, names, true));
    expect(more).toContain('metadata /home/mode mode');
    expect(more.find((line) => line.startsWith('content'))).toBe('content /home/content mtime');
    expect(await differences(world, [{ snapshot: after }, { snapshot: after }], true)).toEqual([]);
    const below = [
      { snapshot: before, path: path('/home/dir') },
      { snapshot: after, path: path('/home/dir') },
    ] as const;
    expect(shown(await differences(world, below))).toEqual([
      'removed /home/dir',
      'removed /home/dir/old',
      'removed /home/dir/old/x',
    ]);
    const nowhere = { snapshot: after, path: path('/nowhere') };
    await expect(differences(world, [nowhere, nowhere])).rejects.toMatchObject({ code: 'failed' });
  });

  it('reads nothing of directories that are the same', async () => {
    const world = await HistoryWorld.make();
    for (const name of ['a', 'b']) {
      mkdirSync(join(world.folder, name));
      for (let n = 0; n < 50; n++) writeFileSync(join(world.folder, name, String(n)), `${name} ${n}`);
    }
    const before = await world.snapshot();
    writeFileSync(join(world.folder, 'a', '7'), 'changed');
    const after = await world.snapshot();
    const [[first, second] = []] = await pairsOf(
      await world.indexed(),
      await world.look(),
      [{ snapshot: before }, { snapshot: after }],
      ignoreEvents,
    );
    const tally = { files: 0, unreadable: 0 };
    if (first === undefined || second === undefined) throw new Error('no pair');
    for await (const _ of diffTrees(first, second, { metadata: false }, { events: ignoreEvents }, tally));
    // Nor are its entries looked at that are the same in both.
    expect(tally.files).toBe(1);
  });

  it('against the disk goes by content alone, holes or not', async () => {
    const world = await HistoryWorld.make();
    const at = (name: string): string => join(world.folder, name);
    writeFileSync(at('silent'), 'before');
    writeFileSync(at('plain'), 'plain');
    writeFileSync(at('sparse'), 'begin');
    truncateSync(at('sparse'), 1 << 20);
    writeFileSync(at('sparse'), 'end', { flag: 'a' });
    utimesSync(at('silent'), 1, 1);
    await world.snapshot('host', world.folder);
    const disk = [{ snapshot: 'latest' }, undefined] as const;
    expect(await differences(world, disk)).toEqual([]);
    writeFileSync(at('silent'), 'behind');
    utimesSync(at('silent'), 1, 1);
    // The same bytes, without the hole.
    writeFileSync(at('sparse'), readFileSync(at('sparse')));
    writeFileSync(at('extra'), '');
    expect(shown(await differences(world, disk))).toEqual([`added ${at('extra')}`, `content ${at('silent')}`]);
    const bytes = readFileSync(at('sparse'));
    bytes[500_000] = 1;
    writeFileSync(at('sparse'), bytes);
    expect(shown(await differences(world, disk))).toContain(`content ${at('sparse')}`);
    const tally = { files: 0, unreadable: 0, changed: 0, damaged: 0 };
    const source = { path: path(world.folder), reference: 'latest' };
    const bad: string[] = [];
    const means = { events: ignoreEvents };
    for await (const file of verifySource(await world.indexed(), await world.look(), source, means, tally)) {
      bad.push(text(file.path));
    }
    expect([bad, tally]).toEqual([[at('silent')], { files: 3, unreadable: 0, changed: 2, damaged: 1 }]);
  });

  it('tells the same as comparing all paths does', async () => {
    const files = fc.dictionary(fc.constantFrom('a', 'b', 'c/a', 'c/d/a', 'c/d/e', 'f/a'), fc.constantFrom('1', '2'), {
      noNullPrototype: true,
    });
    await fc.assert(
      fc.asyncProperty(files, files, async (before, after) => {
        const world = await HistoryWorld.make();
        const put = async (wanted: Readonly<Record<string, string>>): Promise<string> => {
          for (const name of ['a', 'b', 'c', 'f']) rmSync(join(world.folder, name), { recursive: true, force: true });
          for (const [name, content] of Object.entries(wanted)) {
            mkdirSync(join(world.folder, name, '..'), { recursive: true });
            writeFileSync(join(world.folder, name), content);
          }
          return world.snapshot();
        };
        const names = [{ snapshot: await put(before) }, { snapshot: await put(after) }] as const;
        const found = (await differences(world, names)).filter(({ before: a, after: b }) => {
          return (b ?? a)?.node?.type === 'file';
        });
        const all = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
        const expected = all.flatMap((name) => changeOf(name, before[name], after[name]));
        expect(shown(found).sort()).toEqual(expected.sort());
      }),
      { numRuns: 15 },
    );
  });

  it('shows lines of texts, and says of others that they differ', async () => {
    const world = await HistoryWorld.make();
    writeFileSync(join(world.folder, 'text'), 'one\ntwo\n');
    writeFileSync(join(world.folder, 'binary'), Buffer.from([0, 1]));
    await world.snapshot();
    writeFileSync(join(world.folder, 'text'), 'one\nthree\n');
    writeFileSync(join(world.folder, 'binary'), Buffer.from([0, 2]));
    writeFileSync(join(world.folder, 'new'), 'fresh\n');
    await world.snapshot();
    const indexed = await world.indexed();
    const found = await differences(world, [{ snapshot: 'latest~1' }, { snapshot: 'latest' }]);
    const texts: (string | undefined)[] = [];
    for (const difference of found) texts.push(await unifiedDiff(indexed, difference));
    expect(texts).toEqual([
      'binary files differ: /home/binary\n',
      '--- /dev/null\n+++ b/home/new\n@@ -0,0 +1,1 @@\n+fresh\n',
      '--- a/home/text\n+++ b/home/text\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n',
    ]);
    const versions = [
      { path: path('/home/text'), version: 1 },
      { path: path('/home/text'), version: 2 },
    ] as const;
    expect(shown(await differences(world, versions))).toEqual(['content /home/text']);
  });

  it('goes on past what cannot be read, and counts it', async () => {
    const world = await HistoryWorld.make();
    mkdirSync(join(world.folder, 'closed'));
    writeFileSync(join(world.folder, 'z'), 'z');
    await world.snapshot('host', world.folder);
    writeFileSync(join(world.folder, 'z'), 'y');
    const { backend } = world.made;
    const indexed = await world.indexed();
    const [[first, second] = []] = await pairsOf(
      indexed,
      await world.look(),
      [{ snapshot: 'latest' }, undefined],
      ignoreEvents,
    );
    if (first === undefined || second === undefined) throw new Error('no pair');
    for await (const { path: pack } of backend.list('packs')) await backend.remove(pack);
    const warnings: NeoEvent[] = [];
    const tally = { files: 0, unreadable: 0 };
    const means = { events: (event: NeoEvent) => warnings.push(event) };
    const found: Difference[] = [];
    for await (const each of diffTrees(first, second, { metadata: false }, means, tally)) found.push(each);
    // What one side cannot tell is not gone from it.
    expect(found).toEqual([]);
    expect([tally.unreadable, warnings.length]).toEqual([1, 1]);
  });
});
