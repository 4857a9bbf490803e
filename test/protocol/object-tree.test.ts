import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AskTree, differences, type Held, ObjectTree } from '../../src/protocol/object-tree.ts';

const held = fc.record({
  path: fc.stringMatching(/^(packs|index|snapshots)\/[0-9a-f]{1,3}$/),
  size: fc.integer({ min: 0, max: 3 }),
  turns: fc.integer({ min: 1, max: 3 }),
});
const set = fc.uniqueArray(held, { selector: ({ path }) => path, maxLength: 400 });

function asking(tree: ObjectTree): AskTree {
  return (prefixes) => Promise.all(prefixes.map((prefix) => tree.node(prefix)));
}

function known(all: readonly Held[]): Map<string, string> {
  return new Map(all.map(({ path, size, turns }) => [path, `${turns % 2 === 0 ? 0 : size} ${turns}`]));
}

async function differing(here: readonly Held[], there: readonly Held[]): Promise<string[]> {
  const found: string[] = [];
  const other = asking(await ObjectTree.of(there));
  for await (const { here: one, there: two } of differences(await ObjectTree.of(here), other)) {
    found.push(one?.path ?? two?.path ?? '');
  }
  return found.sort();
}

describe('the tree of objects', () => {
  test('finds what differs between any two sets, each path once, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(set, set, async (here, there) => {
        const [own, other] = [known(here), known(there)];
        const paths = new Set([...own.keys(), ...other.keys()]);
        const expected = [...paths].filter((path) => own.get(path) !== other.get(path)).sort();
        expect(await differing(here, there)).toEqual(expected);
      }),
    );
  });

  test('is the same in whatever order objects came', async () => {
    await fc.assert(
      fc.asyncProperty(set, async (all) => {
        const one = await ObjectTree.of(all);
        expect(await (await ObjectTree.of(all.toReversed())).digest('')).toBe(await one.digest(''));
      }),
    );
  });

  test('of 10,000 objects, 7 of which are missing, a few KiB are told in five questions', async () => {
    const all = Array.from({ length: 10_000 }, (_, n) => ({ path: `packs/${n}`, size: n, turns: 1 }));
    const other = await ObjectTree.of(all.filter(({ size }) => size % 1429 !== 0));
    let [bytes, questions] = [0, 0];
    const counted: AskTree = async (prefixes) => {
      const nodes = await asking(other)(prefixes);
      bytes += JSON.stringify(prefixes).length + JSON.stringify(nodes).length;
      questions += 1;
      return nodes;
    };
    const found: string[] = [];
    for await (const { here } of differences(await ObjectTree.of(all), counted)) found.push(here?.path ?? '');
    expect(found).toHaveLength(7);
    expect(bytes).toBeLessThan(20_000);
    expect(questions).toBeLessThanOrEqual(5);
  });

  const beyond = { children: Array<string>(16).fill('x'.repeat(43)) };
  test.each<[string, AskTree]>([
    ['answers too little', async () => []],
    ['has always something below', async (prefixes) => prefixes.map(() => beyond)],
    [
      'tells of objects that do not stand there',
      async (prefixes) => prefixes.map((prefix) => (prefix === '' ? beyond : { objects: [['packs/1', 1, 1]] })),
    ],
  ])('an end that %s is refused', async (_, lying) => {
    const tree = await ObjectTree.of(
      Array.from({ length: 100 }, (__, n) => ({ path: `packs/${n}`, size: n, turns: 1 })),
    );
    await expect(async () => {
      for await (const __ of differences(tree, lying, 5000));
    }).rejects.toMatchObject({ code: 'failed' });
  });
});
