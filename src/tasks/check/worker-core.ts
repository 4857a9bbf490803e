/** The work of a check: opening, hashing, decoding. In a thread, or in main where there are none. */
import { copyOf } from '../../core/bytes.ts';
import { isNeoError } from '../../core/errors.ts';
import { blobId } from '../../core/ids.ts';
import { BlobRoom } from '../../engine/aead.ts';
import type { Engine } from '../../engine/engine.ts';
import type { BlobEntry, BlobKind } from '../../repo/blob-entry.ts';
import { BlobIndex, type BlobPlace } from '../../repo/blob-index.ts';
import { type BlobOpener, openVerified } from '../../repo/blob-reader.ts';
import type { Certificate } from '../../repo/certificate.ts';
import { examinePack, type PackJudge } from '../../repo/pack-check.ts';
import { packEntries } from '../../repo/verified.ts';
import { BlobTable, type TableEntry } from './blob-table.ts';
import type { BadCopy, Job, JobResult, ResultOf, SealedPart, VerifiedBlobs, WorkerSetup } from './jobs.ts';
import { checkNode, decodePart } from './parts.ts';
import { encodeReferences } from './references.ts';

type PackJob = Extract<Job, { type: 'pack' }>;

export class WorkerCore {
  readonly #context: PackJudge & BlobOpener;
  readonly #index: BlobIndex;
  readonly #room = new BlobRoom();

  constructor({ repository, issuers, keys, index }: Omit<WorkerSetup, 'engine'>, engine: Engine) {
    this.#context = { engine, repository, issuers, keys };
    this.#index = new BlobIndex(index);
  }

  run(job: Job): JobResult {
    if (job.type === 'pack') return this.#pack(job);
    return { type: 'parts', references: job.parts.map((part) => this.#part(part)) };
  }

  #part({ kind, key, level, sealed }: SealedPart): Uint8Array | undefined {
    try {
      const part = decodePart(kind, openVerified(this.#context, kind, key, sealed, this.#room), level);
      for (const node of part.nodes) checkNode(node);
      return encodeReferences(this.#context.engine, part);
    } catch (error) {
      if (isNeoError(error, 'integrity')) return undefined;
      throw error;
    }
  }

  #pack(job: PackJob): ResultOf<'pack'> {
    const table = BlobTable.of(job.table);
    const opened = new Map<BlobEntry, BlobKind>();
    const opens = (entry: BlobEntry): boolean | undefined => {
      const known = table.find(entry.id);
      const isRight = known && this.#opens(known, job.bytes.subarray(entry.offset, entry.offset + entry.length));
      if (isRight === true) opened.set(entry, known.kind);
      return isRight;
    };
    const { faults, newer, directory, whole, wrong } = examinePack(this.#context, job.name, job.bytes, opens);
    const badCopies: BadCopy[] = [];
    for (const entry of directory?.entries ?? []) {
      const reason = !whole.has(entry)
        ? 'a blob is damaged'
        : wrong.has(entry)
          ? 'a blob is not what its id says'
          : undefined;
      this.#settle(job, table, entry, reason, badCopies);
    }
    const isWhole = faults.length === 0 && directory?.author.role === 'write';
    const verified = isWhole ? this.#newlyTrusted(job, directory.author, opened) : undefined;
    return { type: 'pack', faults, newer, hasDirectory: directory !== undefined, badCopies, verified };
  }

  /** Of what was decrypted, that which nobody vouches for yet. */
  #newlyTrusted(
    job: PackJob,
    { client }: Certificate,
    opened: ReadonlyMap<BlobEntry, BlobKind>,
  ): VerifiedBlobs | undefined {
    const isHere = (entry: BlobEntry, { pack, offset }: BlobPlace): boolean =>
      offset === entry.offset && job.numbers.includes(pack);
    const fresh: BlobEntry[] = [];
    for (const [entry, kind] of opened) {
      const places = this.#index.places(entry.id).filter((place) => isHere(entry, place));
      if (places.length === 0 || places.some(({ trusted }) => trusted)) continue;
      // Kind and hash are what its author says; who reads a share goes by the hash.
      const sealed = job.bytes.subarray(entry.offset, entry.offset + entry.length);
      fresh.push({ ...entry, kind, hash: this.#context.engine.blake3(sealed) });
    }
    return fresh.length === 0 ? undefined : { author: client, packed: packEntries(fresh) };
  }

  /** What the index says lies here: a good copy, or a bad one. */
  #settle(job: PackJob, table: BlobTable, entry: BlobEntry, reason: string | undefined, badCopies: BadCopy[]): void {
    for (const place of this.#index.places(entry.id)) {
      if (place.offset !== entry.offset || !job.numbers.includes(place.pack)) continue;
      if (reason !== undefined) badCopies.push({ id: blobId(copyOf(entry.id)), pack: place.pack, reason });
      else if (place.length === entry.length) table.confirm(entry.id);
    }
  }

  #opens({ kind, key }: { readonly kind: BlobKind; readonly key: TableEntry['key'] }, sealed: Uint8Array): boolean {
    try {
      openVerified(this.#context, kind, key, sealed, this.#room);
      return true;
    } catch (error) {
      if (isNeoError(error, 'integrity')) return false;
      throw error;
    }
  }
}
