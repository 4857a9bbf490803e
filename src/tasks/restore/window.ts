/** Part of a restore that is planned at one time: which blobs it needs and where their bytes go, in the order of packs. */
import { equalBytes, toHex } from '../../core/bytes.ts';
import type { ContentKey } from '../../core/ids.ts';
import type { Engine } from '../../engine/engine.ts';
import { blobIdOf } from '../../engine/keys.ts';
import type { BlobIndex } from '../../repo/blob-index.ts';
import type { FileWork } from './file-work.ts';
import type { Segments } from './jobs.ts';

export interface BlobNeed {
  readonly key: ContentKey;
  readonly plainLength: number;
  readonly uses: BlobUse[];
}

export interface BlobUse {
  readonly work: FileWork;
  readonly segments: Segments;
}

export interface PlacedNeed {
  readonly need: BlobNeed;
  /** Within the pack. */
  readonly offset: number;
  readonly length: number;
}

/** Blobs that are fetched with one request and handled in one job. */
export interface Run {
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  readonly blobs: readonly PlacedNeed[];
}

/** Bounds what a plan takes in memory: some 5 MB. */
const MAX_PIECES = 8192;
const MAX_FILES = 4096;
/** A request's bytes; one blob may be longer. */
export const RUN_BYTES = 4 << 20;
const RUN_PLAIN = 16 << 20;
/** Reading over a gap costs less than another request. */
const GAP = 128 << 10;
/** Descriptors that one job holds at the most. */
export const RUN_HANDLES = 64;

export class Window {
  readonly #needs = new Map<string, BlobNeed>();
  readonly #part: number;
  #last: BlobNeed | undefined;
  #pieces = 0;
  readonly files = new Set<FileWork>();

  /** @param part of the full size, up to 1: the first windows are small, so that workers have something to do soon */
  constructor(part: number) {
    this.#part = Math.min(1, part);
  }

  get isFull(): boolean {
    return this.#pieces >= MAX_PIECES * this.#part || this.files.size >= MAX_FILES * this.#part;
  }

  get isEmpty(): boolean {
    return this.#pieces === 0 && this.files.size === 0;
  }

  add(work: FileWork, key: ContentKey, plainLength: number, segments: Segments): void {
    this.#needOf(key, plainLength).uses.push({ work, segments });
    work.pending += 1;
    this.#pieces += 1;
    this.files.add(work);
  }

  #needOf(key: ContentKey, plainLength: number): BlobNeed {
    // Neighbours are mostly in one bundle.
    if (this.#last !== undefined && equalBytes(this.#last.key, key)) return this.#last;
    const text = toHex(key);
    const need = this.#needs.get(text) ?? { key, plainLength, uses: [] };
    if (need.uses.length === 0) this.#needs.set(text, need);
    this.#last = need;
    return need;
  }

  /**
   * Runs in the order in which their packs are first needed; beside them what is in no index.
   * @param gap bytes that may be read over
   */
  plan(
    engine: Engine,
    index: BlobIndex,
    gap = GAP,
  ): { readonly runs: readonly Run[]; readonly missing: readonly BlobNeed[] } {
    const packs = new Map<number, PlacedNeed[]>();
    const missing: BlobNeed[] = [];
    for (const need of this.#needs.values()) {
      const [place] = index.places(blobIdOf(engine, need.key));
      if (place === undefined) {
        missing.push(need);
        continue;
      }
      const blobs = packs.get(place.pack) ?? [];
      if (blobs.length === 0) packs.set(place.pack, blobs);
      for (const part of split(need)) blobs.push({ need: part, offset: place.offset, length: place.length });
    }
    const runs = [...packs].flatMap(([pack, blobs]) => [...runsOf(pack, blobs, gap)]);
    return { runs, missing };
  }
}

/** What is held open for a use. */
function handleOf({ work }: BlobUse): unknown {
  return work.whole ? work.place.directory : work;
}

/** A blob of very many files or directories is read again for each so many of them: no job may hold more descriptors. */
function split(need: BlobNeed): readonly BlobNeed[] {
  if (need.uses.length <= RUN_HANDLES) return [need];
  const parts: BlobNeed[] = [];
  let uses: BlobUse[] = [];
  let handles = new Set<unknown>();
  for (const use of need.uses) {
    if (handles.size === RUN_HANDLES && !handles.has(handleOf(use))) {
      parts.push({ ...need, uses });
      uses = [];
      handles = new Set();
    }
    uses.push(use);
    handles.add(handleOf(use));
  }
  return [...parts, { ...need, uses }];
}

function* runsOf(pack: number, blobs: PlacedNeed[], gap: number): Generator<Run> {
  blobs.sort((a, b) => a.offset - b.offset);
  let run: PlacedNeed[] = [];
  let plain = 0;
  let handles = new Set<unknown>();
  for (const blob of blobs) {
    const first = run[0] ?? blob;
    const last = run.at(-1) ?? blob;
    const more = new Set(blob.need.uses.map(handleOf));
    const full =
      blob.offset + blob.length - first.offset > RUN_BYTES ||
      blob.offset - (last.offset + last.length) > gap ||
      plain + blob.need.plainLength > RUN_PLAIN ||
      new Set([...handles, ...more]).size > RUN_HANDLES;
    if (run.length > 0 && full) {
      yield runOf(pack, run);
      run = [];
      plain = 0;
      handles = new Set();
    }
    run.push(blob);
    plain += blob.need.plainLength;
    for (const handle of more) handles.add(handle);
  }
  if (run.length > 0) yield runOf(pack, run);
}

function runOf(pack: number, blobs: readonly PlacedNeed[]): Run {
  const offset = blobs[0]?.offset ?? 0;
  const end = blobs.reduce((most, blob) => Math.max(most, blob.offset + blob.length), offset);
  return { pack, offset, length: end - offset, blobs };
}
