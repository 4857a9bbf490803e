import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differencesBetween, type End } from '../../../src/cli/replicate/compare.ts';
import {
  type AskTree,
  type Held,
  MOST_PREFIXES,
  ObjectTree,
  type TreeNode,
} from '../../../src/protocol/object-tree.ts';

const held = fc.record({
  path: fc.stringMatching(/^(packs|index|snapshots)\/[0-9a-f]{1,3}$/),
  size: fc.integer({ min: 0, max: 3 }),
  turns: fc.integer({ min: 1, max: 3 }),
});
const set = fc.uniqueArray(held, { selector: ({ path }) => path, maxLength: 400 });

const asking =
  (tree: ObjectTree): AskTree =>
  (prefixes) => {
    expect(prefixes.length).toBeLessThanOrEqual(MOST_PREFIXES);
    return Promise.all(prefixes.map((prefix) => tree.node(prefix)));
  };

async function differing(from: End, to: End): Promise<string[]> {
  const found: string[] = [];
  for await (const { here } of differencesBetween(from, to)) found.push(here?.path ?? '');
  return found.sort();
}

describe('what two ends have', () => {
  it('differs where it differs, however each of them is asked', async () => {
    await fc.assert(
      fc.asyncProperty(set, set, fc.boolean(), fc.boolean(), async (here, there, isHereFar, isThereFar) => {
        const told = (all: readonly Held[]) =>
          new Map(all.map(({ path, size, turns }) => [path, `${turns % 2 === 0 ? 0 : size} ${turns}`]));
        const [own, other] = [told(here), told(there)];
        const expected = [...own.keys()].filter((path) => own.get(path) !== other.get(path)).sort();
        const [from, to] = [await ObjectTree.of(here), await ObjectTree.of(there)];
        expect(await differing(isHereFar ? asking(from) : from, isThereFar ? asking(to) : to)).toEqual(expected);
      }),
    );
  });

  it('is not asked for where it is the same', async () => {
    const all = Array.from({ length: 10_000 }, (_, n) => ({ path: `packs/${n}`, size: n, turns: 1 }));
    const [whole, part] = [await ObjectTree.of(all), await ObjectTree.of(all.filter(({ size }) => size % 1429 !== 0))];
    let bytes = 0;
    const counted =
      (ask: AskTree): AskTree =>
      async (prefixes) => {
        const nodes = await ask(prefixes);
        bytes += JSON.stringify([prefixes, nodes]).length;
        return nodes;
      };
    expect(await differing(counted(asking(whole)), counted(asking(part)))).toHaveLength(7);
    expect(bytes).toBeLessThan(64 << 10);
    bytes = 0;
    // What only the other one has is nobody's concern.
    expect(await differing(counted(asking(part)), counted(asking(whole)))).toEqual([]);
    expect(await differing(counted(asking(whole)), counted(asking(whole)))).toEqual([]);
  });

  it.each<[string, TreeNode[]]>([
    ['nothing', []],
    ['more than was asked for', [{ objects: [] }, { objects: [] }]],
    ['one object twice', [{ objects: ['a', 'a'].map((path) => [path, 1, 1] as [string, number, number]) }]],
  ])('is not believed of an end that answers %s', async (_, nodes) => {
    const tree = await ObjectTree.of([{ path: 'a', size: 1, turns: 1 }]);
    await expect(differing(async () => nodes, tree)).rejects.toMatchObject({ code: 'failed' });
  });

  it('is not believed of an end that tells of objects at other positions, or of ranges without end', async () => {
    const nothing = await ObjectTree.of([]);
    const elsewhere: AskTree = async (prefixes) =>
      prefixes.map((prefix) =>
        prefix === '' ? { children: Array(16).fill('A'.repeat(43)) } : { objects: [['a', 1, 1]] },
      );
    await expect(differing(elsewhere, nothing)).rejects.toMatchObject({ code: 'failed' });
    const endless: AskTree = async (prefixes) =>
      prefixes.map(() => ({ children: ['A'.repeat(43), ...Array(15).fill(null)] }));
    await expect(differing(endless, nothing)).rejects.toMatchObject({ code: 'failed' });
  });
});
