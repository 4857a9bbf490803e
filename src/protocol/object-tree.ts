/**
 * Which objects two ends have, compared by ranges of a Merkle tree: what is asked follows how many differ, and not how many there are. Objects stand by
 * the hash of their paths, in a tree of hex digits; a node is the hash of its children, or of its objects where they are few, so equal sets have equal trees,
 * in whatever order they came (A. Meyer, "Range-Based Set Reconciliation", SRDS 2023; R. Merkle, 1987).
 *
 * Whether an object is there is said by a number, how often it came and went: odd while it is there. Of two ends the one that knows the greater number is right
 * (causal lengths: W. Yu, S. Rostad, "A Low-Cost Set CRDT Based on Causal Lengths", PaPoC 2020). So what was removed is not taken for what is missing.
 */
import { setImmediate } from 'node:timers/promises';
import { toBase64, toHex, utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { integer, z } from '../core/schema.ts';
import { sha256 } from '../engine/sha256.ts';

/** What one end knows of a path. */
export interface Held {
  readonly path: string;
  /** Bytes; 0 of what is gone. */
  readonly size: number;
  /** How often it came and went: odd while it is there, even when it was removed. */
  readonly turns: number;
}

/** Hex digits of a position. */
const DIGITS = 32;
const FANOUT = 16;
/** What is told one by one. */
const MOST_TOLD = 8;
/** Of one request. */
export const MOST_PREFIXES = 128;
/** What no honest end comes near to: it would have 2^60 objects. */
const MOST_ASKED = 1 << 20;
/** Hashes between which others have their turn. */
const BETWEEN = 1000;

/** Path, size, turns. */
export const heldSchema = z.tuple([z.string().check(z.maxLength(1000)), integer(0), integer(1)]);
export const prefixesSchema = z.object({
  prefixes: z.array(z.string().check(z.regex(/^[0-9a-f]{0,32}$/))).check(z.minLength(1), z.maxLength(MOST_PREFIXES)),
});
const digest = z.string().check(z.regex(/^[A-Za-z0-9_-]{43}$/));
const node = z.union([
  z.object({ objects: z.array(heldSchema).check(z.maxLength(MOST_TOLD)) }),
  z.object({ children: z.array(z.nullable(digest)).check(z.length(FANOUT)) }),
]);
export const nodesSchema = z.object({ nodes: z.array(node).check(z.maxLength(MOST_PREFIXES)) });
/** All that begin with a prefix: one by one, or a hash for each next digit; null where there is nothing. */
export type TreeNode = z.infer<typeof node>;

/** For each prefix what the other end has there, in this order. */
export type AskTree = (prefixes: readonly string[]) => Promise<readonly TreeNode[]>;

interface Placed extends Held {
  readonly position: string;
}

export class ObjectTree {
  readonly #placed: readonly Placed[];
  readonly #digests = new Map<string, string>();
  #hashed = 0;

  private constructor(placed: readonly Placed[]) {
    this.#placed = placed;
  }

  /** @param all of each path once */
  static async of(all: AsyncIterable<Held> | Iterable<Held>): Promise<ObjectTree> {
    const placed: Placed[] = [];
    for await (const { path, size, turns } of all) {
      placed.push({ path, size: turns % 2 === 0 ? 0 : size, turns, position: positionOf(path) });
    }
    placed.sort((one, other) => (one.position < other.position ? -1 : 1));
    return new ObjectTree(placed);
  }

  get size(): number {
    return this.#placed.length;
  }

  /** All whose positions begin with a prefix. */
  held(prefix: string): readonly Held[] {
    const [from, to] = this.#rangeOf(prefix);
    return this.#placed.slice(from, to);
  }

  async node(prefix: string): Promise<TreeNode> {
    const [from, to] = this.#rangeOf(prefix);
    if (isTold(prefix, to - from)) {
      return { objects: this.#placed.slice(from, to).map(({ path, size, turns }) => [path, size, turns]) };
    }
    return { children: await this.#children(prefix) };
  }

  /** Of all below a prefix; null where there is nothing. */
  async digest(prefix: string): Promise<string | null> {
    const [from, to] = this.#rangeOf(prefix);
    if (from === to) return null;
    const known = this.#digests.get(prefix);
    if (known !== undefined) return known;
    this.#hashed += 1;
    if (this.#hashed % BETWEEN === 0) await setImmediate();
    const content = isTold(prefix, to - from)
      ? `objects\n${this.#placed
          .slice(from, to)
          .map(({ path, size, turns }) => `${path} ${size} ${turns}\n`)
          .join('')}`
      : `children\n${(await this.#children(prefix)).map((child) => `${child ?? ''}\n`).join('')}`;
    const made = toBase64(sha256(utf8(content)));
    this.#digests.set(prefix, made);
    return made;
  }

  async #children(prefix: string): Promise<(string | null)[]> {
    const children: (string | null)[] = [];
    for (const child of childrenOf(prefix)) children.push(await this.digest(child));
    return children;
  }

  #rangeOf(prefix: string): readonly [from: number, to: number] {
    return [this.#firstFrom(prefix), this.#firstFrom(`${prefix}g`)];
  }

  #firstFrom(position: string): number {
    let [low, high] = [0, this.#placed.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#placed[middle]?.position ?? '') < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isTold(prefix: string, count: number): boolean {
  return count <= MOST_TOLD || prefix.length >= DIGITS;
}

function positionOf(path: string): string {
  return toHex(sha256(utf8(path))).slice(0, DIGITS);
}

function childrenOf(prefix: string): string[] {
  return Array.from({ length: FANOUT }, (_, digit) => prefix + digit.toString(16));
}

/** A path of which the ends do not know the same. Not both are undefined. */
export interface Difference {
  readonly here: Held | undefined;
  readonly there: Held | undefined;
}

/**
 * Where two ends differ. What the other end says is bounded, and no more than said: an object may be there or not.
 * @param most prefixes that are asked for
 * @throws NeoError failed when it answers something else than was asked for
 */
export async function* differences(
  tree: ObjectTree,
  ask: AskTree,
  most: number = MOST_ASKED,
): AsyncGenerator<Difference> {
  let asked = 0;
  for (let level = ['']; level.length > 0; ) {
    const next: string[] = [];
    for (let at = 0; at < level.length; at += MOST_PREFIXES) {
      const prefixes = level.slice(at, at + MOST_PREFIXES);
      asked += prefixes.length;
      if (asked > most) throw new NeoError('failed', 'the other end tells of its objects without end');
      for (const [prefix, there] of await answered(ask, prefixes)) yield* within(tree, prefix, there, next);
    }
    level = next;
  }
}

async function answered(ask: AskTree, prefixes: readonly string[]): Promise<[string, TreeNode][]> {
  const nodes = await ask(prefixes);
  if (nodes.length !== prefixes.length) throw strange();
  return nodes.map((there, n) => [prefixes[n] ?? '', there]);
}

async function* within(tree: ObjectTree, prefix: string, there: TreeNode, next: string[]): AsyncGenerator<Difference> {
  if ('objects' in there) yield* among(tree.held(prefix), readHeld(there.objects, prefix));
  else yield* below(tree, prefix, there.children, next);
}

/** What lies here alone is told; where both have something else is to be asked next. */
async function* below(
  tree: ObjectTree,
  prefix: string,
  children: readonly (string | null)[],
  next: string[],
): AsyncGenerator<Difference> {
  if (prefix.length >= DIGITS) throw strange();
  for (const [digit, child] of childrenOf(prefix).entries()) {
    const theirs = children[digit] ?? null;
    if (theirs === (await tree.digest(child))) continue;
    if (theirs === null) for (const here of tree.held(child)) yield { here, there: undefined };
    else next.push(child);
  }
}

function readHeld(told: readonly z.infer<typeof heldSchema>[], prefix: string): Map<string, Held> {
  const held = new Map<string, Held>();
  for (const [path, size, turns] of told) {
    if (held.has(path) || !positionOf(path).startsWith(prefix)) throw strange();
    held.set(path, { path, size, turns });
  }
  return held;
}

function* among(here: readonly Held[], there: Map<string, Held>): Generator<Difference> {
  for (const own of here) {
    const other = there.get(own.path);
    there.delete(own.path);
    if (other === undefined || other.turns !== own.turns || other.size !== own.size) yield { here: own, there: other };
  }
  for (const other of there.values()) yield { here: undefined, there: other };
}

function strange(): NeoError {
  return new NeoError('failed', 'the other end does not answer what it was asked for');
}
