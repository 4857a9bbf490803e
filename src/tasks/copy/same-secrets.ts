/** Blobs as they lie, from one repository to another with the same content secrets: there they have the same ids. */
import type { BlobId } from '../../core/ids.ts';
import { BlobCopier, fetchSealed, type NeededBlob } from '../../repo/blob-copier.ts';
import type { BlobPlace } from '../../repo/blob-index.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { packPath } from '../../repo/pack-check.ts';
import type { BlobTable } from '../check/blob-table.ts';
import { needed } from '../reachable.ts';

export interface BlobTransfer {
  readonly from: IndexedRepository;
  readonly to: IndexedRepository;
  /** All that is needed, with content keys. */
  readonly table: BlobTable;
  readonly onBlob: (bytes: number) => void;
  /** @throws NeoError interrupted */
  readonly throwIfStopped: () => void;
}

interface Wanted {
  readonly id: BlobId;
  readonly place: BlobPlace;
}

/** By pack of the source, in the order in which they lie there: what the target has not. */
export function lacking({ from, to, table }: Pick<BlobTransfer, 'from' | 'to' | 'table'>): Map<number, Wanted[]> {
  const wanted = new Map<number, Wanted[]>();
  for (const entry of table.entries()) {
    const { id } = needed(from, entry);
    const [place] = from.index.places(id);
    if (place === undefined || to.index.has(id)) continue;
    const own = wanted.get(place.pack) ?? [];
    own.push({ id, place });
    wanted.set(place.pack, own);
  }
  for (const blobs of wanted.values()) blobs.sort((a, b) => a.place.offset - b.place.offset);
  return wanted;
}

/** How much of a pack must be wanted before all of it is read at once. */
const MOST_OF_IT = 0.5;

export class BlobCopy {
  readonly copier: BlobCopier;
  readonly #transfer: BlobTransfer;
  /** Of which no copy was good. */
  failed = 0;

  constructor(transfer: BlobTransfer) {
    this.#transfer = transfer;
    this.copier = new BlobCopier(transfer.to);
  }

  /** Each is decrypted and recomputed on the way. @throws NeoError interrupted, no-space, unreachable */
  async run(): Promise<void> {
    for (const [number, blobs] of lacking(this.#transfer)) {
      const whole = await this.#pack(number, blobs);
      for (const blob of blobs) {
        this.#transfer.throwIfStopped();
        await this.#copy(blob, whole);
      }
    }
    await this.copier.finish();
  }

  async #pack(number: number, blobs: readonly Wanted[]): Promise<Uint8Array | undefined> {
    const { packs, backend } = this.#transfer.from;
    const info = packs[number];
    const bytes = blobs.reduce((sum, { place }) => sum + place.length, 0);
    return info === undefined || bytes < info.size * MOST_OF_IT ? undefined : backend.get(packPath(info.name));
  }

  async #copy({ id, place }: Wanted, whole: Uint8Array | undefined): Promise<void> {
    const { from, table, onBlob } = this.#transfer;
    const entry = table.find(id);
    if (entry === undefined) return;
    const blob = needed(from, entry);
    const sealed = whole?.subarray(place.offset, place.offset + place.length) ?? (await fetchSealed(from, place));
    const isCopied = sealed !== undefined && (await this.copier.add(blob, sealed));
    if (!isCopied && !(await this.#fromElsewhere(blob))) this.failed += 1;
    onBlob(place.length);
  }

  async #fromElsewhere(blob: NeededBlob): Promise<boolean> {
    const { from } = this.#transfer;
    for (const place of from.index.places(blob.id)) {
      const sealed = await fetchSealed(from, place);
      if (sealed !== undefined && (await this.copier.add(blob, sealed))) return true;
    }
    return false;
  }
}
