/** What differs between two trees, each of a snapshot or on the disk: the library's side of `neo diff`. */
import { compareBytes } from '../core/bytes.ts';
import { throwIfAborted } from '../core/concurrency.ts';
import { isNeoError, messageOf } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import { joinPath } from '../fs/path.ts';
import { type MetadataPart, metadataDifferences } from '../snapshot/identity.ts';
import type { Node } from '../snapshot/node.ts';
import { type DiffSide, type Directory, differingItems, type Item, isSameContent } from './diff-side.ts';

export type Change = 'added' | 'removed' | 'type' | 'content' | 'metadata';

export interface Difference {
  /** Absolute, as the second tree names it (the first, for what was removed). */
  readonly path: Uint8Array;
  readonly change: Change;
  readonly before: Item | undefined;
  readonly after: Item | undefined;
  /** What else differs; with `metadata` asked for. */
  readonly metadata: readonly MetadataPart[];
}

export interface DiffOptions {
  /** Also entries that differ in mode, owner, times or attributes alone. */
  readonly metadata: boolean;
}

export interface DiffMeans {
  readonly events: EventSink;
  readonly signal?: AbortSignal | undefined;
}

export interface DiffTally {
  /** Files that were compared by content. */
  files: number;
  /** What could not be read: each was named in a warning. */
  unreadable: number;
}

/**
 * In the order of paths, a directory before what is in it. Directories of snapshots that are the same are not read.
 * @throws NeoError interrupted
 */
export async function* diffTrees(
  before: DiffSide,
  after: DiffSide,
  options: DiffOptions,
  means: DiffMeans,
  tally: DiffTally,
): AsyncGenerator<Difference> {
  const walk = new Walk(options, means, tally);
  const difference = await walk.compare(after.path, before.root, after.root);
  if (difference !== undefined) yield difference;
  yield* walk.below(after.path, before.root?.directory, after.root?.directory);
}

/** What one path is in both. */
async function compared(
  path: Uint8Array,
  before: Item | undefined,
  after: Item | undefined,
  { metadata: isWanted }: DiffOptions,
): Promise<Difference | undefined> {
  const pair = { path, before, after };
  if (before === undefined || after === undefined) {
    if (before === after) return undefined;
    return { ...pair, change: before === undefined ? 'added' : 'removed', metadata: [] };
  }
  const metadata = isWanted ? metadataOf(before.node, after) : [];
  if (before.node !== undefined && after.node !== undefined && before.node.type !== after.node.type) {
    return { ...pair, change: 'type', metadata };
  }
  if (!(await isSameContent(before, after))) return { ...pair, change: 'content', metadata };
  return metadata.length === 0 ? undefined : { ...pair, change: 'metadata', metadata };
}

/** The root of a snapshot has none. Of directories above a source nothing is kept but mode and owner. */
function metadataOf(before: Node | undefined, { node: after, isOnDisk }: Item): readonly MetadataPart[] {
  if (before === undefined || after === undefined) return [];
  const parts = metadataDifferences(before, after);
  // The disk's side knows numbers, and no names nor attributes.
  if (!isOnDisk) return parts;
  const isSameOwner = before.uid === after.uid && before.gid === after.gid;
  return parts.filter((part) => part === 'mode' || part === 'mtime' || (part === 'owner' && !isSameOwner));
}

interface Level {
  readonly path: Uint8Array;
  readonly before: Stream;
  readonly after: Stream;
}

class Walk {
  readonly #options: DiffOptions;
  readonly #means: DiffMeans;
  readonly #tally: DiffTally;

  constructor(options: DiffOptions, means: DiffMeans, tally: DiffTally) {
    this.#options = options;
    this.#means = means;
    this.#tally = tally;
  }

  /** With a stack of its own: directories may lie thousands deep. */
  async *below(
    path: Uint8Array,
    before: Directory | undefined,
    after: Directory | undefined,
  ): AsyncGenerator<Difference> {
    const stack: Level[] = [];
    await this.#enter(stack, path, before, after);
    for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
      throwIfAborted(this.#means.signal);
      const pair = await this.#next(level);
      if (pair === undefined) {
        stack.pop();
        continue;
      }
      const name = pair.name;
      const at = joinPath(level.path, name);
      const difference = await this.compare(at, pair.before, pair.after);
      if (difference !== undefined) yield difference;
      await this.#enter(stack, at, pair.before?.directory, pair.after?.directory);
    }
  }

  async compare(path: Uint8Array, before: Item | undefined, after: Item | undefined): Promise<Difference | undefined> {
    if (before?.node?.type === 'file' && after?.node?.type === 'file') this.#tally.files += 1;
    try {
      return await compared(path, before, after, this.#options);
    } catch (error) {
      this.#lose(path, error);
      return undefined;
    }
  }

  #lose(path: Uint8Array, error: unknown): void {
    if (!isNeoError(error, 'integrity') && !isNeoError(error, 'failed')) throw error;
    this.#tally.unreadable += 1;
    this.#means.events({ type: 'warning', path, message: `cannot be read: ${messageOf(error)}`, code: error.code });
  }

  /** The rest of a directory that one side cannot read is not compared: it is neither gone nor new. */
  async #next(level: Level): Promise<Pair | undefined> {
    try {
      return await nextPair(level);
    } catch (error) {
      this.#lose(level.path, error);
      return undefined;
    }
  }

  async #enter(
    stack: Level[],
    path: Uint8Array,
    before: Directory | undefined,
    after: Directory | undefined,
  ): Promise<void> {
    if (before === undefined && after === undefined) return;
    if (before?.key !== undefined && before.key === after?.key) return;
    if (before === undefined || after === undefined) {
      stack.push({ path, before: new Stream(before?.items()), after: new Stream(after?.items()) });
      return;
    }
    try {
      const [one, other] = await differingItems(before, after);
      stack.push({ path, before: new Stream(one), after: new Stream(other) });
    } catch (error) {
      this.#lose(path, error);
    }
  }
}

/** The entries of a directory, one looked at ahead. */
class Stream {
  readonly #items: AsyncGenerator<Item> | undefined;
  #ahead: Item | undefined;
  #isRead = false;

  constructor(items: AsyncGenerator<Item> | undefined) {
    this.#items = items;
  }

  async peek(): Promise<Item | undefined> {
    if (this.#isRead) return this.#ahead;
    const next = await this.#items?.next();
    this.#ahead = next === undefined || next.done === true ? undefined : next.value;
    this.#isRead = true;
    return this.#ahead;
  }

  take(): void {
    this.#isRead = false;
  }
}

interface Pair {
  readonly name: Uint8Array;
  readonly before: Item | undefined;
  readonly after: Item | undefined;
}

/** The next name, in the order of bytes, with what each side has of it. */
async function nextPair(level: Level): Promise<Pair | undefined> {
  // At once: each may have to wait for storage.
  const [before, after] = await Promise.all([level.before.peek(), level.after.peek()]);
  if (before === undefined && after === undefined) return undefined;
  const order = before === undefined ? 1 : after === undefined ? -1 : compareBytes(before.name, after.name);
  if (order <= 0) level.before.take();
  if (order >= 0) level.after.take();
  const taken = { before: order <= 0 ? before : undefined, after: order >= 0 ? after : undefined };
  return { name: (taken.before ?? taken.after)?.name ?? new Uint8Array(), ...taken };
}
