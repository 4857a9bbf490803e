/** When what was found was there: only what differs from the snapshot before is looked at. */
import { toLatin1 } from '../../fs/ignore-pattern.ts';
import type { Snapshot } from '../../snapshot/listing.ts';
import type { Node } from '../../snapshot/node.ts';
import type { Entry, SearchedDirectory } from './search.ts';

export interface Hit {
  readonly path: Uint8Array;
  /** As the newest snapshot with this content has it. */
  readonly node: Node;
  readonly first: Snapshot;
  readonly last: Snapshot;
  readonly snapshots: number;
  /** The newest complete snapshot of each host and paths has nothing there. */
  readonly deleted: boolean;
}

const NOTHING: SearchedDirectory = { entries: new Map(), directories: new Map() };

interface Sighting {
  entry: Entry;
  /** Numbers of snapshots, oldest first. */
  first: number;
  last: number;
  count: number;
}

interface Path {
  readonly byContent: Map<string, Sighting>;
  /** The newest of some host and paths has something there. */
  isThere: boolean;
}

/** Snapshots of one host and paths, as they follow each other. */
class Lineage {
  last: SearchedDirectory = NOTHING;
  /** Of the newest complete one. */
  complete: SearchedDirectory = NOTHING;
  /** Number of the snapshot that `last` is of. */
  at = -1;
  /** Since which number, and at which place in this lineage, what is there has been there. */
  readonly open = new Map<string, { readonly entry: Entry; readonly first: number; readonly place: number }>();
  length = 0;
}

export class Sightings {
  readonly #snapshots: readonly Snapshot[];
  readonly #lineages = new Map<string, Lineage>();
  readonly #paths = new Map<string, Path>();

  /** @param snapshots oldest first */
  constructor(snapshots: readonly Snapshot[]) {
    this.#snapshots = snapshots;
  }

  /** The next one of a lineage. */
  add(lineageName: string, number: number, directory: SearchedDirectory): void {
    const lineage = this.#lineages.get(lineageName) ?? new Lineage();
    this.#lineages.set(lineageName, lineage);
    this.#change(lineage, number, directory);
    lineage.at = number;
    lineage.length += 1;
    if (this.#snapshots[number]?.body.kind === 'snapshot') lineage.complete = directory;
  }

  /** To be called once, at the end. By path, then in the order in which they were first seen. */
  hits(): Hit[] {
    for (const lineage of this.#lineages.values()) {
      // What a partial one did not come to is still there.
      for (const path of pathsBelow(lineage.complete)) this.#at(path).isThere = true;
      this.#change(lineage, lineage.at, NOTHING);
    }
    const paths = [...this.#paths].sort(([a], [b]) => (a < b ? -1 : 1));
    return paths.flatMap(([, { byContent, isThere }]) =>
      [...byContent.values()]
        .filter(({ entry }) => entry.isHit)
        .sort((a, b) => a.first - b.first)
        .flatMap((sighting) => this.#hit(sighting, !isThere)),
    );
  }

  #hit({ entry, first, last, count }: Sighting, deleted: boolean): Hit[] {
    const [oldest, newest] = [this.#snapshots[first], this.#snapshots[last]];
    if (oldest === undefined || newest === undefined) return [];
    const { path, node } = entry;
    return [{ path, node, first: oldest, last: newest, snapshots: count, deleted }];
  }

  /** From what the lineage had to what it has at `number`. */
  #change(lineage: Lineage, number: number, next: SearchedDirectory): void {
    const pairs: [SearchedDirectory, SearchedDirectory][] = [[lineage.last, next]];
    for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
      const [before, after] = pair;
      if (before === after) continue;
      this.#changeEntries(lineage, number, before, after);
      for (const inner of pairsIn(before, after)) pairs.push(inner);
    }
    lineage.last = next;
  }

  #changeEntries(lineage: Lineage, number: number, before: SearchedDirectory, after: SearchedDirectory): void {
    for (const [name, entry] of before.entries) {
      if (after.entries.get(name)?.identity !== entry.identity) this.#close(lineage, entry);
    }
    for (const [name, entry] of after.entries) {
      const path = toLatin1(entry.path);
      const open = before.entries.get(name)?.identity === entry.identity ? lineage.open.get(path) : undefined;
      lineage.open.set(path, open === undefined ? { entry, first: number, place: lineage.length } : { ...open, entry });
    }
  }

  /** It was there up to the last snapshot of the lineage. */
  #close(lineage: Lineage, { path: at }: Entry): void {
    const path = toLatin1(at);
    const open = lineage.open.get(path);
    if (open === undefined) return;
    const { entry } = open;
    lineage.open.delete(path);
    const count = lineage.length - open.place;
    const { byContent } = this.#at(path);
    const known = byContent.get(entry.identity);
    if (known === undefined) byContent.set(entry.identity, { entry, first: open.first, last: lineage.at, count });
    else {
      if (lineage.at > known.last) known.entry = entry;
      known.first = Math.min(known.first, open.first);
      known.last = Math.max(known.last, lineage.at);
      known.count += count;
    }
  }

  #at(path: string): Path {
    const known = this.#paths.get(path) ?? { byContent: new Map<string, Sighting>(), isThere: false };
    this.#paths.set(path, known);
    return known;
  }
}

/** Directories of the same name, and those that only one has. */
function* pairsIn(
  before: SearchedDirectory,
  after: SearchedDirectory,
): Generator<[SearchedDirectory, SearchedDirectory]> {
  for (const [name, inner] of before.directories) yield [inner, after.directories.get(name) ?? NOTHING];
  for (const [name, inner] of after.directories) if (!before.directories.has(name)) yield [NOTHING, inner];
}

function* pathsBelow(root: SearchedDirectory): Generator<string> {
  const open = [root];
  for (let directory = open.pop(); directory !== undefined; directory = open.pop()) {
    for (const { path } of directory.entries.values()) yield toLatin1(path);
    open.push(...directory.directories.values());
  }
}
