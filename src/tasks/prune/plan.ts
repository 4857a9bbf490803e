/** Which packs go: those that nobody needs, and those whose rest is worth copying. Nothing is written here. */
import { type ObjectName, objectName } from '../../core/ids.ts';
import type { BlobPlace } from '../../repo/blob-index.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { BLOB_SHARE, sizeInPacks } from '../../repo/pack-size.ts';
import type { BlobTable } from '../check/blob-table.ts';
import type { View } from './look.ts';
import type { MostUnused, PackUse } from './options.ts';

export interface Plan {
  /** Nothing in them is needed. */
  readonly free: readonly PackUse[];
  readonly repack: readonly PackUse[];
  /** Everything else that nobody has marked. */
  readonly keep: readonly PackUse[];
  /** Bytes of `keep` that a fresh repository would not have. */
  readonly unused: number;
  /** Blobs that are needed, and of which storage has no copy though a segment names some. */
  readonly lost: number;
}

export interface PlanRules {
  readonly mostUnused: MostUnused;
  readonly mostRepacked: number;
  readonly repackSmall: boolean;
  /** Packs that storage received after that (its clock) are left alone if nobody needs them: their snapshot may come. */
  readonly leaveSince: number;
  readonly packTarget: number;
}

export function planPrune(view: View, live: BlobTable, rules: PlanRules): Plan {
  const uses = packUses(view, live);
  const free: PackUse[] = [];
  const needed: PackUse[] = [];
  for (const use of uses) {
    if (use.blobs > 0) needed.push(use);
    else if (use.modified < rules.leaveSince) free.push(use);
    else needed.push(use);
  }
  const repack = chooseRepack(needed, rules);
  const chosen = new Set(repack);
  const keep = needed.filter((use) => !chosen.has(use));
  return { free, repack, keep, unused: wasteOf(keep, rules.packTarget), lost: countLost(view, live) };
}

function countLost({ repository, packs }: View, live: BlobTable): number {
  const isThere = ({ pack }: BlobPlace): boolean => packs.has(repository.packs[pack]?.name ?? NO_NAME);
  let lost = 0;
  repository.index.eachPlace((id, place) => {
    if (isThere(place) || !live.has(id)) return;
    const all = repository.index.places(id);
    const [first] = all;
    // Counted once, at its first copy.
    if (first !== undefined && isSame(first, place) && !all.some(isThere)) lost += 1;
  });
  return lost;
}

const NO_NAME = objectName('0'.repeat(64));

/** What lies in each pack that nobody has marked. */
function packUses(view: View, live: BlobTable): PackUse[] {
  const { repository, packs, tombs } = view;
  const slots = new Slots(repository, packs, tombs.packs);
  const copies = (id: Parameters<typeof repository.index.places>[0]): BlobPlace[] =>
    repository.index.places(id).filter(({ pack }) => slots.of(pack) >= 0);
  repository.index.eachPlace((id, place) => {
    if (slots.of(place.pack) < 0 || !live.has(id)) return;
    const all = copies(id);
    // A copy that not everybody may trust makes no other one redundant: while there is no better one, all are needed.
    if (all.length === 1 || !all.some(({ trusted }) => trusted)) slots.need(place, live.find(id)?.kind !== 'data');
  });
  repository.index.eachPlace((id, place) => {
    if (slots.of(place.pack) < 0 || !live.has(id)) return;
    const all = copies(id);
    const [first] = all;
    if (all.length < 2 || first?.trusted !== true || !isSame(first, place)) return;
    // One is enough: where most else is needed.
    const trusted = all.filter((copy) => copy.trusted);
    const best = trusted.reduce((a, b) => (slots.bytes(b.pack) > slots.bytes(a.pack) ? b : a));
    slots.need(best, live.find(id)?.kind !== 'data');
  });
  return slots.uses();
}

function isSame(a: BlobPlace, b: BlobPlace): boolean {
  return a.pack === b.pack && a.offset === b.offset;
}

/** Several numbers of the index may be one pack. */
class Slots {
  readonly #packs: View['packs'];
  readonly #names: ObjectName[] = [];
  readonly #slot: Int32Array;
  readonly #needed: Float64Array;
  readonly #blobs: Float64Array;
  readonly #trees: Uint8Array;
  readonly #others: ObjectName[] = [];

  constructor({ packs: infos }: IndexedRepository, packs: View['packs'], marked: ReadonlySet<ObjectName>) {
    this.#packs = packs;
    this.#slot = new Int32Array(infos.length).fill(-1);
    const byName = new Map<ObjectName, number>();
    for (const [number, info] of infos.entries()) {
      if (info === undefined || !packs.has(info.name) || marked.has(info.name)) continue;
      const slot = byName.get(info.name) ?? this.#names.push(info.name) - 1;
      byName.set(info.name, slot);
      this.#slot[number] = slot;
    }
    for (const name of packs.keys()) if (!byName.has(name) && !marked.has(name)) this.#others.push(name);
    this.#needed = new Float64Array(this.#names.length);
    this.#blobs = new Float64Array(this.#names.length);
    this.#trees = new Uint8Array(this.#names.length);
  }

  /** -1: it does not count. */
  of(pack: number): number {
    return this.#slot[pack] ?? -1;
  }

  bytes(pack: number): number {
    return this.#needed[this.of(pack)] ?? 0;
  }

  need({ pack, length }: BlobPlace, isTree: boolean): void {
    const slot = this.of(pack);
    this.#needed[slot] = (this.#needed[slot] ?? 0) + length;
    this.#blobs[slot] = (this.#blobs[slot] ?? 0) + 1;
    if (isTree) this.#trees[slot] = 1;
  }

  uses(): PackUse[] {
    const known = this.#names.map((name, slot) => this.#use(name, slot));
    return [...known, ...this.#others.map((name) => this.#use(name, -1))];
  }

  #use(name: ObjectName, slot: number): PackUse {
    const { size, modified } = this.#packs.get(name) ?? { size: 0, modified: 0 };
    const needed = this.#needed[slot] ?? 0;
    const blobs = this.#blobs[slot] ?? 0;
    return { name, size, modified, needed, blobs, isTrees: this.#trees[slot] === 1, isIndexed: slot >= 0 };
  }
}

/** Bytes that a fresh repository would take for what is needed of these packs. */
function idealOf(uses: readonly PackUse[], packTarget: number): number {
  let sum = 0;
  for (const trees of [false, true]) {
    const own = uses.filter(({ isTrees, blobs }) => isTrees === trees && blobs > 0);
    const count = own.reduce((total, { blobs }) => total + blobs, 0);
    const bytes = own.reduce((total, { needed }) => total + needed, 0);
    sum += sizeInPacks(count, bytes, packTarget);
  }
  return sum;
}

/** Bytes above that. Packs that nobody needs yet are none of it: their snapshot may be on its way. */
function wasteOf(uses: readonly PackUse[], packTarget: number): number {
  const needed = uses.filter(({ blobs }) => blobs > 0);
  const size = needed.reduce((total, use) => total + use.size, 0);
  return Math.max(0, size - idealOf(needed, packTarget));
}

/** Worst first, until what is left is little enough. */
function chooseRepack(uses: readonly PackUse[], rules: PlanRules): PackUse[] {
  const { mostUnused, packTarget } = rules;
  const needed = uses.filter(({ blobs }) => blobs > 0);
  const limit = (size: number): number => ('bytes' in mostUnused ? mostUnused.bytes : mostUnused.share * size);
  const size = needed.reduce((total, use) => total + use.size, 0);
  const isSmall = (use: PackUse): boolean => rules.repackSmall && use.size < packTarget / 2;
  const small = needed.filter(isSmall);
  const order = [...needed].sort((a, b) => shareUnused(b) - shareUnused(a));
  const chosen = new Set<PackUse>(small.length > 1 ? small : []);
  let bytes = [...chosen].reduce((total, use) => total + use.size, 0);
  let waste = wasteOf(needed, packTarget) - [...chosen].reduce((total, use) => total + use.size - use.needed, 0);
  for (const use of order) {
    if (waste <= limit(size) || shareUnused(use) <= 0) break;
    if (chosen.has(use) || bytes + use.size > rules.mostRepacked) continue;
    chosen.add(use);
    bytes += use.size;
    waste -= use.size - use.needed - use.blobs * BLOB_SHARE;
  }
  const list = [...chosen];
  const gain = list.reduce((total, use) => total + use.size, 0) - idealOf(list, packTarget);
  // Copying that frees nothing would be done again by each prune.
  return gain > 0 && (small.length > 1 || gain >= size * LEAST_GAIN) ? list : [];
}

/** Part of what is kept. */
const LEAST_GAIN = 0.005;

function shareUnused({ size, needed, blobs }: PackUse): number {
  return size === 0 ? 0 : (size - needed - blobs * BLOB_SHARE) / size;
}
