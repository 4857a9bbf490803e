/** What an archive holds, as directories: entries come in any order, and of a path that comes twice the last one counts. */
import type { ContentKey } from '../../core/ids.ts';
import type { Content, Node } from '../../snapshot/node.ts';

type Kept<T> = { -readonly [K in keyof T]: T[K] };

/** All of a node but its name and what is below. */
export type Facts = Kept<Omit<Node, 'name' | 'tree'>>;

export class ArchiveFile {
  readonly facts: Facts;

  constructor(facts: Facts) {
    this.facts = facts;
  }

  place(content: Content): void {
    this.facts.content = content;
  }
}

export class ArchiveDirectory {
  facts: Facts;
  /** By name in latin1. */
  readonly children = new Map<string, ArchiveFile | ArchiveDirectory>();

  constructor(facts: Facts) {
    this.facts = facts;
  }
}

export interface Counts {
  readonly files: number;
  readonly directories: number;
  /** Plain bytes of files; of one with several names once. */
  readonly bytes: number;
}

export class ArchiveTree {
  readonly root: ArchiveDirectory;
  readonly #implied: () => Facts;
  #linked = 0n;

  /** @param implied of directories that are named only as part of a path */
  constructor(implied: () => Facts) {
    this.#implied = implied;
    this.root = new ArchiveDirectory(implied());
  }

  /** Undefined where something stands that is no directory, or nothing. */
  find(names: readonly string[]): ArchiveFile | ArchiveDirectory | undefined {
    let at: ArchiveFile | ArchiveDirectory | undefined = this.root;
    for (const name of names) at = at instanceof ArchiveDirectory ? at.children.get(name) : undefined;
    return at;
  }

  /** False if something above it is no directory. */
  put(names: readonly string[], entry: ArchiveFile | ArchiveDirectory): boolean {
    const name = names.at(-1);
    if (name === undefined) {
      if (entry instanceof ArchiveDirectory) this.root.facts = entry.facts;
      return entry instanceof ArchiveDirectory;
    }
    const above = this.#directory(names.slice(0, -1));
    if (above === undefined) return false;
    const old = above.children.get(name);
    if (old instanceof ArchiveDirectory && entry instanceof ArchiveDirectory) {
      old.facts = entry.facts;
      return true;
    }
    if (old instanceof ArchiveFile) old.facts.links -= 1;
    above.children.set(name, entry);
    return true;
  }

  /** Another name of a file that is there. */
  link(names: readonly string[], file: ArchiveFile): boolean {
    if (this.find(names) === file) return true;
    if (!this.put(names, file)) return false;
    const { facts } = file;
    if (facts.inode === 0n) {
      this.#linked += 1n;
      facts.inode = this.#linked;
    }
    facts.links += 1;
    return true;
  }

  #directory(names: readonly string[]): ArchiveDirectory | undefined {
    let at = this.root;
    for (const name of names) {
      const next = at.children.get(name) ?? new ArchiveDirectory(this.#implied());
      if (!(next instanceof ArchiveDirectory)) return undefined;
      at.children.set(name, next);
      at = next;
    }
    return at;
  }

  counts(): Counts {
    const seen = new Set<ArchiveFile>();
    let [files, directories, bytes] = [0, 0, 0];
    for (const entry of this.#entries()) {
      if (entry instanceof ArchiveDirectory) {
        directories += 1;
        continue;
      }
      files += entry.facts.type === 'file' ? 1 : 0;
      bytes += seen.has(entry) ? 0 : entry.facts.size;
      if (entry.facts.links > 1) seen.add(entry);
    }
    return { files, directories, bytes };
  }

  /** All but the root; of a file each name. */
  *#entries(): Generator<ArchiveFile | ArchiveDirectory> {
    const open = [this.root];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const child of next.children.values()) {
        if (child instanceof ArchiveDirectory) open.push(child);
        yield child;
      }
    }
  }
}

/** @param build stores the entries of one directory, by their names' bytes */
export async function saveDirectory(
  directory: ArchiveDirectory,
  build: (nodes: readonly Node[]) => Promise<ContentKey>,
): Promise<ContentKey> {
  const nodes: Node[] = [];
  // Latin1 sorts as bytes do.
  for (const [text, child] of [...directory.children].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const name = Buffer.from(text, 'latin1');
    const tree = child instanceof ArchiveDirectory ? { tree: await saveDirectory(child, build) } : {};
    nodes.push({ ...child.facts, name, ...tree });
  }
  return build(nodes);
}
