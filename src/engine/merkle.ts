/**
 * The Merkle tree of RFC 9162 (section 2.1) over a list that only grows, with SHA-256: who keeps its size and root can be shown that an entry
 * is in it (inclusion), and that all that was in it at some size is in it still (consistency). Numbers of leaves count from 0.
 */
import { equalBytes } from '../core/bytes.ts';
import { sha256 } from './sha256.ts';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** Of the root of no leaves. */
export const EMPTY_ROOT: Uint8Array = sha256();

/** The root of the complete tree of 2^level leaves that begins at leaf number `index` · 2^level. */
export type NodeAt = (level: number, index: number) => Promise<Uint8Array>;

export function leafHash(entry: Uint8Array): Uint8Array {
  return sha256(LEAF, entry);
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(NODE, left, right);
}

export interface CompleteNode {
  readonly level: number;
  readonly index: number;
  readonly hash: Uint8Array;
}

/** The complete trees of more than one leaf that a leaf with this number makes. `nodeAt` is asked for what was there before. */
export async function nodesAfter(leaf: number, hash: Uint8Array, nodeAt: NodeAt): Promise<CompleteNode[]> {
  const made: CompleteNode[] = [];
  let [index, right] = [leaf, hash];
  for (let level = 0; index % 2 === 1; level++) {
    right = nodeHash(await nodeAt(level, index - 1), right);
    index = Math.floor(index / 2);
    made.push({ level: level + 1, index, hash: right });
  }
  return made;
}

/** The root of the first `size` leaves. */
export async function rootOf(size: number, nodeAt: NodeAt): Promise<Uint8Array> {
  return size === 0 ? EMPTY_ROOT : rootOfRange(0, size, nodeAt);
}

/** MTH(D[from:to]) of the RFC; `from` is a multiple of the power of two that holds the range. */
async function rootOfRange(from: number, to: number, nodeAt: NodeAt): Promise<Uint8Array> {
  const size = to - from;
  const level = Math.log2(size);
  if (Number.isInteger(level)) return nodeAt(level, from / size);
  const middle = from + leftOf(size);
  return nodeHash(await rootOfRange(from, middle, nodeAt), await rootOfRange(middle, to, nodeAt));
}

/** The largest power of two smaller than the size, which is 2 or more. */
function leftOf(size: number): number {
  return 2 ** Math.ceil(Math.log2(size) - 1);
}

/** PATH of section 2.1.3.1: what {@link isIncluded} needs. `leaf` < `size`. */
export async function inclusionProof(leaf: number, size: number, nodeAt: NodeAt): Promise<Uint8Array[]> {
  const proof: Uint8Array[] = [];
  for (let [from, to] = [0, size]; to - from > 1; ) {
    const middle = from + leftOf(to - from);
    if (leaf < middle) {
      proof.unshift(await rootOfRange(middle, to, nodeAt));
      to = middle;
    } else {
      proof.unshift(await rootOfRange(from, middle, nodeAt));
      from = middle;
    }
  }
  return proof;
}

/** PROOF of section 2.1.4.1: what {@link isConsistent} needs; empty when `first` is 0 or `size`. `first` ≤ `size`. */
export async function consistencyProof(first: number, size: number, nodeAt: NodeAt): Promise<Uint8Array[]> {
  if (first === 0 || first === size) return [];
  const proof: Uint8Array[] = [];
  let isWhole = true;
  for (let [from, to] = [0, size]; ; ) {
    if (to === first) {
      if (!isWhole) proof.unshift(await rootOfRange(from, to, nodeAt));
      return proof;
    }
    const middle = from + leftOf(to - from);
    if (first <= middle) {
      proof.unshift(await rootOfRange(middle, to, nodeAt));
      to = middle;
    } else {
      proof.unshift(await rootOfRange(from, middle, nodeAt));
      from = middle;
      isWhole = false;
    }
  }
}

/** Section 2.1.3.2: the leaf of this hash is number `leaf` of the tree of this size and root. */
export function isIncluded(
  hash: Uint8Array,
  leaf: number,
  size: number,
  root: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  if (!isPlace(leaf) || !isPlace(size) || leaf >= size) return false;
  let found = hash;
  const isWhole = climb(leaf, size - 1, proof, (sibling, isLeft) => {
    found = isLeft ? nodeHash(sibling, found) : nodeHash(found, sibling);
  });
  return isWhole && equalBytes(found, root);
}

export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
}

/** Section 2.1.4.2: the first leaves of `now` are those of `before`. Of an empty tree everything is a continuation. */
export function isConsistent(before: TreeHead, now: TreeHead, proof: readonly Uint8Array[]): boolean {
  if (!isPlace(before.size) || !isPlace(now.size) || before.size > now.size) return false;
  if (before.size === 0) return proof.length === 0 && equalBytes(before.root, EMPTY_ROOT);
  if (before.size === now.size) return proof.length === 0 && equalBytes(before.root, now.root);
  // The root of a complete tree is left out of the proof: it is known.
  const path = Number.isInteger(Math.log2(before.size)) ? [before.root, ...proof] : proof;
  return path.length > 1 && leadsToBoth(before, now, path);
}

function leadsToBoth(before: TreeHead, now: TreeHead, [first, ...rest]: readonly Uint8Array[]): boolean {
  if (first === undefined) return false;
  let [fn, sn] = [before.size - 1, now.size - 1];
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)];
  let [old, young] = [first, first];
  const isWhole = climb(fn, sn, rest, (sibling, isLeft) => {
    if (isLeft) old = nodeHash(sibling, old);
    young = isLeft ? nodeHash(sibling, young) : nodeHash(young, sibling);
  });
  return isWhole && equalBytes(old, before.root) && equalBytes(young, now.root);
}

/** From a place up to the root: each node of the proof, and whether it stands left. False when the proof is not as long as the way. */
function climb(
  from: number,
  last: number,
  proof: readonly Uint8Array[],
  step: (sibling: Uint8Array, isLeft: boolean) => void,
): boolean {
  let [fn, sn] = [from, last];
  for (const sibling of proof) {
    if (sn === 0) return false;
    const isLeft = fn % 2 === 1 || fn === sn;
    step(sibling, isLeft);
    if (isLeft) while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0;
}

function half(count: number): number {
  return Math.floor(count / 2);
}

function isPlace(count: number): boolean {
  return Number.isSafeInteger(count) && count >= 0;
}
