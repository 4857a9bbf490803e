/** What is damaged: objects, why, and the snapshots and paths that each touches. */
import { compareBytes } from '../../core/bytes.ts';
import type { BlobId, ObjectName } from '../../core/ids.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { packPath } from '../../repo/pack-check.ts';

export interface Damage {
  /** Path in the repository, or `index` for blobs that no segment names. */
  readonly object: string;
  readonly reason: string;
  readonly snapshots: readonly ObjectName[];
  /** Absolute, as stored; at most {@link MOST_PATHS}. */
  readonly paths: readonly Uint8Array[];
  /** Paths beyond those. */
  readonly morePaths: number;
  /** Nothing is wrong with it, as far as this version can tell: it is of a later one. */
  readonly newer: boolean;
}

export const MOST_PATHS = 10_000;

/** In place of an object's path, where a blob is in no segment at all. */
export const NO_INDEX = 'index';

class Growing {
  readonly reasons = new Set<string>();
  readonly snapshots = new Set<ObjectName>();
  readonly paths = new Map<string, Uint8Array>();
  more = 0;
  newer = true;
}

export class Report {
  readonly #repository: IndexedRepository;
  readonly #objects = new Map<string, Growing>();
  /** Packs no blob of which can be had: missing, or of a wrong length. */
  readonly #badPacks = new Set<number>();
  readonly #deleted = new Set<number>();
  /** Copies that proved bad: id in hex → packs. */
  readonly #badCopies = new Map<string, Set<number>>();
  /** Referred to, in no segment. */
  readonly #missing = new Set<string>();

  constructor(repository: IndexedRepository) {
    this.#repository = repository;
  }

  get clean(): boolean {
    return this.#objects.size === 0;
  }

  /** Blobs of which no copy can be had. */
  get hasLosses(): boolean {
    return this.#missing.size > 0 || this.#badPacks.size > 0 || this.#badCopies.size > 0;
  }

  add(object: string, reason: string, snapshot?: ObjectName, path?: Uint8Array): void {
    this.#growing(object, reason).newer = false;
    if (snapshot !== undefined) this.touch(object, snapshot, path);
  }

  /** An object whose name bears out its bytes, and which says that it is of a later version. */
  addNewer(object: string, reason: string, snapshot?: ObjectName): void {
    this.#growing(object, `needs a newer neo: ${reason}`);
    if (snapshot !== undefined) this.touch(object, snapshot);
  }

  #growing(object: string, reason: string): Growing {
    const growing = this.#objects.get(object) ?? new Growing();
    this.#objects.set(object, growing);
    growing.reasons.add(reason);
    return growing;
  }

  touch(object: string, snapshot: ObjectName, path?: Uint8Array): void {
    const growing = this.#objects.get(object);
    if (growing === undefined) return;
    growing.snapshots.add(snapshot);
    if (path === undefined) return;
    const name = Buffer.from(path).toString('latin1');
    if (growing.paths.has(name)) return;
    if (growing.paths.size < MOST_PATHS) growing.paths.set(name, path);
    else growing.more += 1;
  }

  badPack(number: number, reason: string): void {
    this.#badPacks.add(number);
    this.add(this.#pathOf(number), reason);
  }

  /** A prune has deleted it: that is a loss only if something in it is needed and is nowhere else. */
  deletedPack(number: number): void {
    this.#deleted.add(number);
  }

  /** After all that is needed is known. Nothing for packs that nobody needs. */
  missDeleted(needed: Iterable<BlobId>): void {
    if (this.#deleted.size === 0) return;
    for (const id of needed) {
      const places = this.#repository.index.places(id);
      if (places.length === 0 || !places.every(({ pack }) => this.#deleted.has(pack))) continue;
      for (const { pack } of places) this.badPack(pack, 'a prune has deleted it, and it is needed');
    }
  }

  badCopy(id: BlobId, number: number, reason: string): void {
    const name = hex(id);
    const packs = this.#badCopies.get(name) ?? new Set();
    this.#badCopies.set(name, packs.add(number));
    this.add(this.#pathOf(number), reason);
  }

  /** This copy cannot be had, as far as is known. */
  isBad(id: BlobId, number: number): boolean {
    return this.#badPacks.has(number) || this.#badCopies.get(hex(id))?.has(number) === true;
  }

  missing(id: BlobId): void {
    this.#missing.add(hex(id));
    this.add(NO_INDEX, 'blobs that snapshots need are in no index segment');
  }

  /** The objects because of which no copy of the blob can be had; none if one can. */
  blameFor(id: BlobId): readonly string[] {
    const places = this.#repository.index.places(id);
    if (places.length === 0) return [NO_INDEX];
    const copies = this.#badCopies.size === 0 ? undefined : this.#badCopies.get(hex(id));
    const bad = places.filter(({ pack }) => this.#badPacks.has(pack) || copies?.has(pack) === true);
    return bad.length < places.length ? [] : [...new Set(bad.map(({ pack }) => this.#pathOf(pack)))];
  }

  #pathOf(number: number): string {
    const info = this.#repository.packs[number];
    return info === undefined ? NO_INDEX : packPath(info.name);
  }

  damages(): Damage[] {
    return [...this.#objects]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([object, { reasons, snapshots, paths, more, newer }]) => ({
        object,
        reason: [...reasons].join('; '),
        snapshots: [...snapshots].sort(),
        paths: [...paths.values()].sort(compareBytes),
        morePaths: more,
        newer,
      }));
  }
}

function hex(id: BlobId): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString('hex');
}
