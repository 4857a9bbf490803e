/** Everything that snapshots refer to, each blob once. */
import { isNeoError, messageOf } from '../../core/errors.ts';
import type { BlobId, ContentKey } from '../../core/ids.ts';
import { blobIdOf } from '../../engine/keys.ts';
import { BlobReader } from '../../repo/blob-reader.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { BlobTable } from './blob-table.ts';
import type { SealedPart } from './jobs.ts';
import { checkNode, decodePart, type Reference } from './parts.ts';
import type { ThreadPool } from './pool.ts';
import { decodeReferences, referencesIn } from './references.ts';
import { TreePacks } from './tree-packs.ts';

/** Told of what is not there, or no good. */
export interface ReachReport {
  missing(id: BlobId): void;
  badCopy(id: BlobId, pack: number, reason: string): void;
}

export interface ReachOptions {
  readonly repository: IndexedRepository;
  readonly pool: ThreadPool;
  readonly table: BlobTable;
  readonly report: ReachReport;
  /** Told of each tree part read. */
  readonly onTree: () => void;
  readonly throwIfStopped: () => void;
}

type PartReference = Exclude<Reference, { kind: 'data' }>;

/** Parts a job: enough that handing it over does not count. */
const BATCH = 64;

export class Reach {
  readonly #options: ReachOptions;
  readonly #packs: TreePacks;
  readonly #reader: BlobReader;
  /** Met, and not read yet. */
  readonly #open: PartReference[] = [];
  /** Trees that hold what no honest client writes: content key in base64 → why. */
  readonly malformed = new Map<string, string>();
  /** Places of what was reached. */
  copies = 0;

  constructor(options: ReachOptions) {
    this.#options = options;
    this.#packs = new TreePacks(options.repository);
    this.#reader = new BlobReader(options.repository);
  }

  /** Visits what was not visited before. Missing blobs, unreadable and malformed trees go to the report. */
  async from(root: ContentKey): Promise<void> {
    this.#meet({ kind: 'tree', key: root, level: undefined });
    const running = new Set<Promise<void>>();
    try {
      while (this.#open.length > 0 || running.size > 0) {
        this.#options.throwIfStopped();
        if (this.#open.length === 0 || running.size >= this.#options.pool.width) {
          await Promise.race(running);
          continue;
        }
        const reading = this.#readBatch(this.#open.splice(-BATCH)).finally(() => running.delete(reading));
        running.add(reading);
      }
    } finally {
      await Promise.allSettled(running);
    }
  }

  /** Nothing more will be visited: memory is given back. */
  end(): void {
    this.#packs.forget();
  }

  #meet(reference: Reference, id: BlobId = blobIdOf(this.#options.repository.engine, reference.key)): void {
    if (!this.#options.table.add(id, reference.kind, reference.key)) return;
    const places = this.#options.repository.index.places(id).length;
    this.copies += places;
    if (places === 0) this.#options.report.missing(id);
    else if (reference.kind !== 'data') this.#open.push(reference);
  }

  async #readBatch(batch: readonly PartReference[]): Promise<void> {
    const parts: SealedPart[] = [];
    const odd: PartReference[] = [];
    for (const reference of batch) {
      const sealed = await this.#sealed(reference.key);
      if (sealed === undefined) odd.push(reference);
      else parts.push({ ...reference, sealed });
    }
    const { pool, onTree } = this.#options;
    // A few directories are read before a thread has started.
    const isWorthIt = pool.started || parts.length === BATCH;
    const job = { type: 'parts', parts } as const;
    const { references } = isWorthIt ? await pool.run(job) : pool.runHere(job);
    for (const [n, part] of parts.entries()) {
      const found = references[n];
      if (found === undefined) {
        odd.push(part);
        continue;
      }
      onTree();
      for (const { reference, id } of decodeReferences(found)) this.#meet(reference, id);
    }
    for (const reference of odd) await this.#readOdd(reference);
  }

  /** The first copy, as bytes that threads share. */
  async #sealed(key: ContentKey): Promise<SealedPart['sealed'] | undefined> {
    const { engine, index } = this.#options.repository;
    const [place] = index.places(blobIdOf(engine, key));
    return place && this.#packs.sealed(place);
  }

  /** A part the first copy of which is not there or no good: other copies, and else the reason. */
  async #readOdd({ kind, key, level }: PartReference): Promise<void> {
    const json = await this.#load(kind, key);
    if (json === undefined) return;
    this.#options.onTree();
    try {
      const part = decodePart(kind, json, level);
      for (const node of part.nodes) checkNode(node);
      for (const reference of referencesIn(part)) this.#meet(reference);
    } catch (error) {
      if (!isNeoError(error, 'integrity')) throw error;
      this.malformed.set(Buffer.from(key).toString('base64url'), messageOf(error));
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
