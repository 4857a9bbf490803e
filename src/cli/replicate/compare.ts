/**
 * Which objects two ends have, where either may be far away: both are asked for the same ranges, and only where their hashes differ
 * (protocol/object-tree.ts). So neither has to be listed, and what goes over both lines follows how many differ.
 */
import { NeoError } from '../../core/errors.ts';
import { type AskTree, type Difference, type Held, MOST_PREFIXES, ObjectTree } from '../../protocol/object-tree.ts';

/** All that an end has, or whom to ask for it. */
export type End = ObjectTree | AskTree;

const UNKNOWN = 'to be asked for';
/** Digits of a position: no honest end has more than one object there. */
const DIGITS = 32;
const HEX = [...'0123456789abcdef'];

/** What begins with a prefix, of both ends. */
interface Range {
  readonly prefix: string;
  readonly from: ObjectTree | typeof UNKNOWN;
  readonly to: ObjectTree | typeof UNKNOWN;
}

/** What an end has below a prefix: all of it, or the hashes of what is below the next digits. */
type View = ObjectTree | readonly (string | null)[];

/**
 * Of all that `from` knows what `to` knows otherwise, or not at all: `here` is what `from` knows. What only `to` has is passed over for the most part.
 * Memory is bounded, whatever the ends answer.
 * @throws NeoError failed when one answers something else than was asked for
 */
export async function* differencesBetween(from: End, to: End): AsyncGenerator<Difference> {
  const nothing = await ObjectTree.of([]);
  // The last ones first: so few are waiting at any time.
  const waiting: Range[] = [{ prefix: '', from: knownOf(from), to: knownOf(to) }];
  while (waiting.length > 0) {
    const ranges = waiting.splice(-MOST_PREFIXES);
    const [ours, theirs] = await Promise.all([viewsOf(from, ranges, 'from'), viewsOf(to, ranges, 'to')]);
    for (const [n, { prefix }] of ranges.entries()) {
      const [own, other] = [ours[n] ?? nothing, theirs[n] ?? nothing];
      if (own instanceof ObjectTree && other instanceof ObjectTree) yield* among(own.held(prefix), other.held(prefix));
      else waiting.push(...(await below(prefix, own, other, nothing)));
    }
  }
}

function knownOf(end: End): ObjectTree | typeof UNKNOWN {
  return end instanceof ObjectTree ? end : UNKNOWN;
}

/** One request for all that is not known yet. */
async function viewsOf(end: End, ranges: readonly Range[], side: 'from' | 'to'): Promise<View[]> {
  const unknown = ranges.filter((range) => range[side] === UNKNOWN).map(({ prefix }) => prefix);
  const answers = unknown.length === 0 || end instanceof ObjectTree ? undefined : await asked(end, unknown);
  return ranges.map(({ prefix, [side]: known }) => {
    const view = known === UNKNOWN ? answers?.get(prefix) : known;
    if (view === undefined) throw strange();
    return view;
  });
}

async function asked(ask: AskTree, prefixes: readonly string[]): Promise<Map<string, View>> {
  const nodes = await ask(prefixes);
  if (nodes.length !== prefixes.length) throw strange();
  const views = new Map<string, View>();
  for (const [n, prefix] of prefixes.entries()) {
    const node = nodes[n];
    if (node === undefined) throw strange();
    if ('objects' in node) views.set(prefix, await told(node.objects, prefix));
    else if (prefix.length < DIGITS) views.set(prefix, node.children);
    else throw strange();
  }
  return views;
}

/** @throws NeoError failed when not all of them belong there, or one is told twice */
async function told(objects: readonly (readonly [string, number, number])[], prefix: string): Promise<ObjectTree> {
  const tree = await ObjectTree.of(objects.map(([path, size, turns]) => ({ path, size, turns })));
  const paths = new Set(objects.map(([path]) => path));
  if (paths.size !== objects.length || tree.held(prefix).length !== objects.length) throw strange();
  return tree;
}

async function below(prefix: string, own: View, other: View, nothing: ObjectTree): Promise<Range[]> {
  const ranges: Range[] = [];
  for (const [digit, hex] of HEX.entries()) {
    const child = prefix + hex;
    const [ours, theirs] = [await digestOf(own, child, digit), await digestOf(other, child, digit)];
    if (ours === null || ours === theirs) continue;
    ranges.push({ prefix: child, from: next(own), to: theirs === null ? nothing : next(other) });
  }
  return ranges;
}

function digestOf(view: View, child: string, digit: number): Promise<string | null> | string | null {
  return view instanceof ObjectTree ? view.digest(child) : (view[digit] ?? null);
}

function next(view: View): ObjectTree | typeof UNKNOWN {
  return view instanceof ObjectTree ? view : UNKNOWN;
}

function* among(own: readonly Held[], other: readonly Held[]): Generator<Difference> {
  const theirs = new Map(other.map((held) => [held.path, held]));
  for (const here of own) {
    const there = theirs.get(here.path);
    if (there === undefined || there.size !== here.size || there.turns !== here.turns) yield { here, there };
  }
}

function strange(): NeoError {
  return new NeoError('failed', 'the other end does not answer what it was asked for');
}
