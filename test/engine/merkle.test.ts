/** RFC 9162's tree: the vectors that Certificate Transparency's implementations share, and a second, plain implementation. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import {
  consistencyProof,
  EMPTY_ROOT,
  inclusionProof,
  isConsistent,
  isIncluded,
  leafHash,
  type NodeAt,
  nodeHash,
  nodesAfter,
  rootOf,
} from '../../src/engine/merkle.ts';

/** Leaves and roots of sizes 1 to 8 (`merkletree/tree_test.go` of google/certificate-transparency and its successors). */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

class Tree {
  readonly hashes: Uint8Array[] = [];
  readonly #nodes = new Map<string, Uint8Array>();
  asked = 0;

  readonly nodeAt: NodeAt = async (level, index) => {
    this.asked += 1;
    const found = this.#nodes.get(`${level}/${index}`);
    if (found === undefined) throw new Error(`no node ${level}/${index}`);
    return found;
  };

  async add(hash: Uint8Array): Promise<void> {
    const leaf = this.hashes.length;
    const made = await nodesAfter(leaf, hash, this.nodeAt);
    for (const node of [{ level: 0, index: leaf, hash }, ...made])
      this.#nodes.set(`${node.level}/${node.index}`, node.hash);
    this.hashes.push(hash);
  }

  static async of(count: number): Promise<Tree> {
    const tree = new Tree();
    for (let i = 0; i < count; i++) await tree.add(leafHash(Uint8Array.of(i % 256, i >> 8)));
    return tree;
  }
}

/** MTH as the RFC writes it. */
function plainRoot(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 0) return EMPTY_ROOT;
  const [only] = hashes;
  if (hashes.length === 1 && only !== undefined) return only;
  let k = 1;
  while (k * 2 < hashes.length) k *= 2;
  return nodeHash(plainRoot(hashes.slice(0, k)), plainRoot(hashes.slice(k)));
}

const SIZE = 70;
const tree = await Tree.of(SIZE);
const roots = Array.from({ length: SIZE + 1 }, (_, size) => plainRoot(tree.hashes.slice(0, size)));
const rootAt = (size: number): Uint8Array => roots[size] ?? EMPTY_ROOT;
const flipped = (bytes: Uint8Array, at = 0): Uint8Array =>
  Uint8Array.from(bytes, (byte, n) => (n === at ? byte ^ 1 : byte));

describe('roots', () => {
  it('are those of the shared vectors', async () => {
    const vectors = new Tree();
    for (const [i, leaf] of LEAVES.entries()) {
      await vectors.add(leafHash(fromHex(leaf)));
      expect(toHex(await rootOf(i + 1, vectors.nodeAt))).toBe(ROOTS[i]);
    }
    expect(toHex(await rootOf(0, vectors.nodeAt))).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
  });

  it('of every size are those of the plain definition, also when more has come since', async () => {
    for (let size = 0; size <= SIZE; size++) expect(await rootOf(size, tree.nodeAt)).toEqual(rootAt(size));
  });
});

describe('an inclusion proof', () => {
  it('shows each leaf of each size, and no other', async () => {
    for (let size = 1; size <= SIZE; size++)
      for (let leaf = 0; leaf < size; leaf++) {
        const [hash, proof] = [tree.hashes[leaf] ?? EMPTY_ROOT, await inclusionProof(leaf, size, tree.nodeAt)];
        expect(isIncluded(hash, leaf, size, rootAt(size), proof)).toBe(true);
        expect(isIncluded(flipped(hash), leaf, size, rootAt(size), proof)).toBe(false);
        expect(isIncluded(hash, leaf, size, flipped(rootAt(size)), proof)).toBe(false);
        expect(isIncluded(hash, (leaf + 1) % size, size, rootAt(size), proof)).toBe(size === 1);
        expect(isIncluded(hash, leaf, size, rootAt(size), [...proof, hash])).toBe(false);
        if (proof.length > 0) expect(isIncluded(hash, leaf, size, rootAt(size), proof.slice(1))).toBe(false);
      }
  });

  it('costs as many nodes as the tree is high, times itself', async () => {
    const large = await Tree.of(5000);
    large.asked = 0;
    const proof = await inclusionProof(1234, 5000, large.nodeAt);
    expect(proof.length).toBeLessThanOrEqual(13);
    expect(large.asked).toBeLessThan(60);
  });
});

describe('a consistency proof', () => {
  it('shows each size in each later one', async () => {
    for (let size = 0; size <= SIZE; size++)
      for (let first = 0; first <= size; first++) {
        const proof = await consistencyProof(first, size, tree.nodeAt);
        const [before, now] = [
          { size: first, root: rootAt(first) },
          { size, root: rootAt(size) },
        ];
        expect(isConsistent(before, now, proof)).toBe(true);
        expect(isConsistent({ ...before, root: flipped(before.root) }, now, proof)).toBe(false);
        if (first > 0) expect(isConsistent(before, { size, root: flipped(now.root) }, proof)).toBe(false);
        expect(isConsistent(before, now, [...proof, before.root])).toBe(false);
      }
  });

  it('cannot be made for another history', async () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: SIZE }), fc.integer({ min: 1, max: SIZE }));
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(SIZE - 1), fc.array(fc.nat(SIZE), { maxLength: 8 }), async ([a, b], at, picks) => {
        const [first, size] = [Math.min(a, b), Math.max(a, b)];
        const other = new Tree();
        for (const [n, hash] of tree.hashes.slice(0, size).entries()) {
          await other.add(n === at % first ? flipped(hash) : hash);
        }
        const now = { size, root: await rootOf(size, other.nodeAt) };
        const before = { size: first, root: rootAt(first) };
        const honest = await consistencyProof(first, size, other.nodeAt);
        expect(isConsistent(before, now, honest)).toBe(false);
        // Nor of any nodes that there are.
        const nodes = [...tree.hashes, ...roots];
        expect(
          isConsistent(
            before,
            now,
            picks.map((n) => nodes[n] ?? EMPTY_ROOT),
          ),
        ).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  it('of numbers that are none is none', () => {
    for (const size of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(isConsistent({ size, root: EMPTY_ROOT }, { size: 3, root: rootAt(3) }, [])).toBe(false);
      expect(isConsistent({ size: 1, root: rootAt(1) }, { size, root: rootAt(3) }, [])).toBe(false);
      expect(isIncluded(rootAt(1), size, 3, rootAt(3), [])).toBe(false);
    }
  });
});
