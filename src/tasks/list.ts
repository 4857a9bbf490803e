/** What is in a snapshot: the library's side of `neo ls`. */
import { displayBytes } from '../core/bytes.ts';
import { isNeoError, messageOf, NeoError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import type { ContentKey } from '../core/ids.ts';
import { joinPath } from '../fs/path.ts';
import { BlobReader, type BlobSource } from '../repo/blob-reader.ts';
import { type Found, findPath } from '../snapshot/lookup.ts';
import type { Node } from '../snapshot/node.ts';
import type { SnapshotBody } from '../snapshot/snapshot.ts';
import { type LoadBlob, readTree } from '../snapshot/tree.ts';

/** What is needed of a snapshot. */
export interface Listed {
  /** For messages. */
  readonly name: string;
  readonly body: SnapshotBody;
}

export interface ListOptions {
  /** Absolute in the snapshot. Absent: what the snapshot was asked to take. */
  readonly path?: Uint8Array;
  /** Also all below. */
  readonly recursive: boolean;
}

export interface ListedNode {
  /** Absolute in the snapshot. */
  readonly path: Uint8Array;
  readonly node: Node;
}

/**
 * The entries of a directory, or the one that is no directory, in the order of names; as a stream, however many there
 * are. A directory below that cannot be read is a warning, and the rest is listed before the failure.
 * @throws NeoError failed when the path is not in the snapshot · integrity
 */
export async function* listNodes(
  repository: BlobSource,
  snapshot: Listed,
  options: ListOptions,
  events: EventSink,
): AsyncGenerator<ListedNode> {
  const reader = new BlobReader(repository);
  const load: LoadBlob = (kind, key) => reader.load(kind, key);
  const walk = new TreeWalk(load, options.recursive, events);
  for await (const { path, node, tree } of startsOf(load, snapshot, options.path, events)) {
    if (tree !== undefined) yield* walk.below(path, tree);
    else if (node !== undefined) yield { path, node };
  }
  if (walk.unreadable > 0) {
    const directories = walk.unreadable === 1 ? 'directory' : 'directories';
    throw new NeoError('integrity', `${walk.unreadable} ${directories} cannot be read`, { hint: 'see: neo check' });
  }
}

/** The path asked for, or all that was to be saved. */
async function* startsOf(
  load: LoadBlob,
  snapshot: Listed,
  path: Uint8Array | undefined,
  events: EventSink,
): AsyncGenerator<Found> {
  if (path !== undefined) {
    yield await requirePath(load, snapshot, path);
    return;
  }
  for (const source of snapshot.body.paths) {
    const found = await findPath(load, snapshot.body.tree, source);
    // A run that was interrupted did not come to all of its sources, and a source may be lost on the way.
    if (found === undefined)
      events({ type: 'warning', path: source, message: 'was to be saved, and is not in this snapshot' });
    else yield found;
  }
}

/** @throws NeoError failed when there is nothing at the path */
export async function requirePath(load: LoadBlob, snapshot: Listed, path: Uint8Array): Promise<Found> {
  const found = await findPath(load, snapshot.body.tree, path);
  if (found !== undefined) return found;
  if (snapshot.body.kind === 'share') {
    throw new NeoError('failed', `the share has nothing at ${displayBytes(path)}`, { hint: 'see what it has: neo ls' });
  }
  const name = snapshot.name.slice(0, 8);
  throw new NeoError('failed', `snapshot ${name} has nothing at ${displayBytes(path)}`, {
    hint: `see what it has: neo ls ${name}`,
  });
}

interface Level {
  readonly path: Uint8Array;
  readonly nodes: AsyncGenerator<Node>;
}

/** Depth first, with a stack of its own: directories may lie thousands deep. */
class TreeWalk {
  readonly #load: LoadBlob;
  readonly #recursive: boolean;
  readonly #events: EventSink;
  unreadable = 0;

  constructor(load: LoadBlob, recursive: boolean, events: EventSink) {
    this.#load = load;
    this.#recursive = recursive;
    this.#events = events;
  }

  async *below(path: Uint8Array, tree: ContentKey): AsyncGenerator<ListedNode> {
    const stack: Level[] = [{ path, nodes: readTree(this.#load, tree) }];
    for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
      const node = await this.#next(level);
      if (node === undefined) {
        stack.pop();
        continue;
      }
      const inside = joinPath(level.path, node.name);
      yield { path: inside, node };
      if (this.#recursive && node.type === 'directory') this.#enter(stack, inside, node);
    }
  }

  #enter(stack: Level[], path: Uint8Array, { tree }: Node): void {
    if (tree !== undefined) stack.push({ path, nodes: readTree(this.#load, tree) });
    else this.#lose(path, 'it has no content');
  }

  async #next(level: Level): Promise<Node | undefined> {
    try {
      const next = await level.nodes.next();
      return next.done === true ? undefined : next.value;
    } catch (error) {
      if (!isNeoError(error, 'integrity')) throw error;
      this.#lose(level.path, messageOf(error));
      return undefined;
    }
  }

  #lose(path: Uint8Array, reason: string): void {
    this.unreadable += 1;
    this.#events({ type: 'warning', path, message: `cannot be read: ${reason}`, code: 'integrity' });
  }
}
