/**
 * What somebody with role full has decrypted and found to be what its id says, of packs whose author may only write: from
 * then on it counts as if role full had stored it (docs/format.md, section 5).
 */
import { ByteWriter, toHex } from '../core/bytes.ts';
import { type ObjectName, sessionId } from '../core/ids.ts';
import type { BlobEntry } from './blob-entry.ts';
import { refuseExpired } from './certificate.ts';
import { blobsIn, encodeSegment, type PackedRecord } from './index/segment.ts';
import { ENTRY_LENGTH, writeEntry } from './pack/entry.ts';
import { listPacks } from './pack-listing.ts';
import { newId, type Repository, requireFull } from './repository.ts';
import { encodeSealedSigned } from './signed-object.ts';
import { listTombs } from './tomb.ts';

/** Blobs a segment: 3.7 MB. */
const SEGMENT_BLOBS = 50_000;

export type VerifiedPack = Pick<PackedRecord, 'name' | 'size' | 'author' | 'packed'>;

/** As they stand in a segment. */
export function packEntries(entries: readonly BlobEntry[]): Uint8Array {
  const writer = new ByteWriter(entries.length * ENTRY_LENGTH);
  for (const entry of entries) writeEntry(writer, entry);
  return writer.finish();
}

/** Stores what it is told in segments of a good size. */
export class VerifiedWriter {
  readonly #repository: Repository;
  #open: PackedRecord[] = [];
  #waiting = 0;
  /** Said so far. */
  blobs = 0;

  /** @throws NeoError permission-denied without role full */
  constructor(repository: Repository) {
    requireFull(repository, 'vouch for what others have stored');
    this.#repository = repository;
  }

  /** Kept as it is: nobody may change its bytes. */
  async add(pack: VerifiedPack): Promise<void> {
    const record: PackedRecord = { ...pack, authorRole: 'write', verified: true };
    this.#open.push(record);
    this.#waiting += blobsIn(record);
    if (this.#waiting >= SEGMENT_BLOBS) await this.finish();
  }

  /** All of it is durable. @throws NeoError no-space, unreachable */
  async finish(): Promise<void> {
    const told = this.#open;
    this.#open = [];
    this.#waiting = 0;
    const packs = told.length === 0 ? [] : await this.#staying(told);
    if (packs.length === 0) return;
    const { backend, engine, keys, signer, random } = this.#repository;
    refuseExpired(signer.certificate, await backend.now());
    const session = sessionId(newId(random));
    const body = encodeSegment({ final: true, session, covered: [], replaced: [], packs: packs.sort(byName) });
    const bytes = encodeSealedSigned(this.#repository, 'index', keys.index, signer, body);
    await backend.put(`index/${toHex(engine.blake3(bytes))}`, bytes);
    this.blobs += packs.reduce((sum, pack) => sum + blobsIn(pack), 0);
  }

  /** What a prune has marked meanwhile, or deleted, would stand in an index for ever. */
  async #staying(packs: readonly PackedRecord[]): Promise<PackedRecord[]> {
    const there = await listPacks(this.#repository);
    const marked = (await listTombs(this.#repository)).packs;
    return packs.filter(({ name }) => there.has(name) && !marked.has(name));
  }
}

function byName({ name: a }: { readonly name: ObjectName }, { name: b }: { readonly name: ObjectName }): number {
  return a < b ? -1 : 1;
}
