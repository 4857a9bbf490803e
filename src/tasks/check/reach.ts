/** Everything that snapshots refer to, each blob once. */
import { isNeoError, messageOf } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import { blobIdOf } from '../../engine/keys.ts';
import { BlobReader } from '../../repo/blob-reader.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { BlobTable } from './blob-table.ts';
import { checkNode, decodePart, type Part, type Reference, referencesOf } from './parts.ts';
import type { Report } from './report.ts';

export interface ReachOptions {
  readonly repository: IndexedRepository;
  readonly table: BlobTable;
  readonly report: Report;
  /** Told of each tree part read. */
  readonly onTree: () => void;
  readonly throwIfStopped: () => void;
}

export class Reach {
  readonly #options: ReachOptions;
  readonly #reader: BlobReader;
  /** Trees that hold what no honest client writes: content key in base64 → why. */
  readonly malformed = new Map<string, string>();
  /** Places of what was reached. */
  copies = 0;

  constructor(options: ReachOptions) {
    this.#options = options;
    this.#reader = new BlobReader(options.repository);
  }

  /** Visits what was not visited before. Missing blobs, unreadable and malformed trees go to the report. */
  async from(root: ContentKey): Promise<void> {
    const open: Reference[] = [];
    const meet = (reference: Reference): void => {
      if (this.#visit(reference) && reference.kind !== 'data') open.push(reference);
    };
    meet({ kind: 'tree', key: root, level: undefined });
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      this.#options.throwIfStopped();
      if (next.kind === 'data') continue;
      const part = await this.#read(next.kind, next.key, next.level);
      if (part !== undefined) for (const reference of referencesIn(part)) meet(reference);
    }
  }

  /** True if it is there and was not met before. */
  #visit({ kind, key }: Reference): boolean {
    const { repository, table, report } = this.#options;
    const id = blobIdOf(repository.engine, key);
    if (!table.add(id, kind, key)) return false;
    const places = repository.index.places(id).length;
    this.copies += places;
    if (places > 0) return true;
    report.missing(id);
    return false;
  }

  async #read(kind: 'tree' | 'list', key: ContentKey, level: number | undefined): Promise<Part | undefined> {
    const json = await this.#load(kind, key);
    if (json === undefined) return undefined;
    this.#options.onTree();
    try {
      const part = decodePart(kind, json, level);
      for (const node of part.nodes) checkNode(node);
      return part;
    } catch (error) {
      if (!isNeoError(error, 'integrity')) throw error;
      this.malformed.set(Buffer.from(key).toString('base64url'), messageOf(error));
      return undefined;
    }
  }

  async #load(kind: 'tree' | 'list', key: ContentKey): Promise<Uint8Array | undefined> {
    const { repository, report } = this.#options;
    try {
      return await this.#reader.load(kind, key);
    } catch (error) {
      if (!isNeoError(error, 'integrity')) throw error;
      const id = blobIdOf(repository.engine, key);
      for (const { pack } of repository.index.places(id)) report.badCopy(id, pack, `a ${kind} blob cannot be opened`);
      return undefined;
    }
  }
}

function* referencesIn({ parts, chunks, nodes }: Part): Generator<Reference> {
  yield* parts;
  for (const { key } of chunks) yield { kind: 'data', key };
  for (const node of nodes) yield* referencesOf(node);
}
