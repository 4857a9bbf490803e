/** Which blobs can be had, and which cannot: what was found damaged, and what was stored again since. */
import { toHex } from '../../core/bytes.ts';
import type { BlobId, ContentKey } from '../../core/ids.ts';
import { blobIdOf } from '../../engine/keys.ts';
import type { NeededBlob } from '../../repo/blob-copier.ts';
import type { BlobPlace } from '../../repo/blob-index.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { BlobTable } from '../check/blob-table.ts';
import type { Report } from '../check/report.ts';
import { needed } from '../reachable.ts';

export class Losses {
  readonly #repository: IndexedRepository;
  readonly #report: Report;
  /** Packs of higher numbers are this run's own. */
  readonly #known: number;
  /** In a dry run nothing is stored: ids in hex. */
  readonly #healed = new Set<string>();

  constructor(repository: IndexedRepository, report: Report) {
    this.#repository = repository;
    this.#report = report;
    this.#known = repository.packs.length;
  }

  isGood(id: BlobId, { pack }: BlobPlace): boolean {
    return pack >= this.#known || !this.#report.isBad(id, pack);
  }

  canBeHad(id: BlobId): boolean {
    if (this.#healed.has(toHex(id))) return true;
    return this.#repository.index.places(id).some((place) => this.isGood(id, place));
  }

  healed({ id }: NeededBlob): void {
    this.#healed.add(toHex(id));
  }

  hasKey(key: ContentKey): boolean {
    return this.canBeHad(blobIdOf(this.#repository.engine, key));
  }

  *needed(table: BlobTable): Generator<NeededBlob> {
    for (const entry of table.entries()) yield needed(this.#repository, entry);
  }

  /** Those of the table of which no copy can be had. */
  in(table: BlobTable): NeededBlob[] {
    const lost: NeededBlob[] = [];
    for (const blob of this.needed(table)) if (!this.canBeHad(blob.id)) lost.push(blob);
    return lost;
  }
}
