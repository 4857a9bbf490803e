/** Which packs go: those that nobody needs, and those whose rest is worth copying. Nothing is written here. */
import { type ObjectName, objectName } from '../../core/ids.ts';
import type { BlobPlace } from '../../repo/blob-index.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { sizeInPacks } from '../../repo/pack-size.ts';
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
    if (slots.of(place.pack) < 0) return;
    if (!live.has(id)) {
      slots.waste(place);
      return;
    }
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
  readonly #dead: Float64Array;
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
    this.#dead = new Float64Array(this.#names.length);
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

  waste({ pack }: BlobPlace): void {
    const slot = this.of(pack);
    this.#dead[slot] = (this.#dead[slot] ?? 0) + 1;
  }

  uses(): PackUse[] {
    const known = this.#names.map((name, slot) => this.#use(name, slot));
    return [...known, ...this.#others.map((name) => this.#use(name, -1))];
  }

  #use(name: ObjectName, slot: number): PackUse {
    const { size, modified } = this.#packs.get(name) ?? { size: 0, modified: 0 };
    const needed = this.#needed[slot] ?? 0;
    const blobs = this.#blobs[slot] ?? 0;
    const dead = this.#dead[slot] ?? 0;
    return { name, size, modified, needed, blobs, dead, isTrees: this.#trees[slot] === 1 };
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

/** Bytes of a pack that it would not have if it held only what is needed of it; padding is none of them. */
function wasteIn({ size, needed, blobs }: PackUse, packTarget: number): number {
  return blobs === 0 ? 0 : Math.max(0, size - sizeInPacks(blobs, needed, packTarget));
}

/** Packs that nobody needs yet are none of it: their snapshot may be on its way. */
function wasteOf(uses: readonly PackUse[], packTarget: number): number {
  return uses.reduce((total, use) => total + wasteIn(use, packTarget), 0);
}

/** Small ones are joined when asked for, or when there are many; then the worst, until what is left is little enough. */
function chooseRepack(uses: readonly PackUse[], rules: PlanRules): PackUse[] {
  const { mostUnused, packTarget, mostRepacked } = rules;
  const needed = uses.filter(({ blobs }) => blobs > 0);
  const size = sizeOf(needed);
  const joined = smallOnes(needed, rules);
  const share = (use: PackUse): number => wasteIn(use, packTarget) / use.size;
  const wasteful = needed.filter((use) => share(use) > 0 && !joined.includes(use));
  wasteful.sort((a, b) => share(b) - share(a));
  const limit = 'bytes' in mostUnused ? mostUnused.bytes : mostUnused.share * size;
  let left = wasteOf(wasteful, packTarget);
  const worst = wasteful.filter((use) => {
    const isWanted = left > limit;
    if (isWanted) left -= wasteIn(use, packTarget);
    return isWanted;
  });
  const chosen = upTo(mostRepacked, [...joined, ...worst]);
  const gain = sizeOf(chosen) - idealOf(chosen, packTarget);
  // Copying that frees next to nothing would be done again by each prune.
  const worthwhile = gain > 0 && gain >= size * LEAST_GAIN ? chosen : [];
  if (!isNothing(mostUnused)) return worthwhile;
  // Who allows nothing unused wants it gone, whatever it weighs: a secret that was stored by mistake.
  const dead = needed.filter((use) => use.dead > 0 && !worthwhile.includes(use));
  return upTo(mostRepacked, [...dead, ...worthwhile]);
}

function smallOnes(uses: readonly PackUse[], { repackSmall, packTarget }: PlanRules): readonly PackUse[] {
  const small = uses.filter((use) => use.size < packTarget / (repackSmall ? 2 : 8));
  return small.length >= (repackSmall ? 2 : MANY_SMALL) ? small : [];
}

function isNothing(most: MostUnused): boolean {
  return ('bytes' in most ? most.bytes : most.share) === 0;
}

/** Those that fit into so many bytes, in their order. */
function upTo(most: number, uses: readonly PackUse[]): PackUse[] {
  let bytes = 0;
  return uses.filter(({ size }) => {
    if (bytes + size > most) return false;
    bytes += size;
    return true;
  });
}

function sizeOf(uses: readonly PackUse[]): number {
  return uses.reduce((total, use) => total + use.size, 0);
}

/** Small packs that are joined without being asked. */
const MANY_SMALL = 16;
/** Part of what is kept. */
const LEAST_GAIN = 0.005;
