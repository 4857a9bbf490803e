/** Which packs one run of a check reads. */
import { NeoError } from '../core/errors.ts';
import type { ObjectName } from '../core/ids.ts';
import type { Random } from '../core/random.ts';

/** Those that were read longest ago. */
export interface Rolling {
  readonly type: 'rolling';
  /** Milliseconds: what was read since then is passed over. */
  readonly maxAge: number;
  /** Bytes; none: all that are due. */
  readonly budget?: number;
}

export type Subset =
  | Rolling
  /** The n-th of m parts, by the pack's name: m runs read everything. */
  | { readonly type: 'part'; readonly n: number; readonly m: number }
  /** Drawn anew each time. */
  | { readonly type: 'percent'; readonly percent: number }
  | { readonly type: 'bytes'; readonly bytes: number };

const SIZE = /^(\d+(?:\.\d+)?)([kmgt])(?:i?b)?$/i;

/** `10%`, `1/7` or `500M`. @throws NeoError usage */
export function parseSubset(text: string): Subset {
  const part = /^(\d{1,6})\/(\d{1,6})$/.exec(text);
  const n = Number(part?.[1]);
  const m = Number(part?.[2]);
  if (part !== null && n >= 1 && n <= m) return { type: 'part', n, m };
  const percent = Number(/^(\d+(?:\.\d+)?)%$/.exec(text)?.[1]);
  if (percent > 0 && percent <= 100) return { type: 'percent', percent };
  const size = SIZE.exec(text);
  const bytes = Math.round(Number(size?.[1]) * 1024 ** (1 + 'kmgt'.indexOf((size?.[2] ?? '').toLowerCase())));
  if (Number.isSafeInteger(bytes) && bytes > 0) return { type: 'bytes', bytes };
  throw new NeoError('usage', `not a subset: ${JSON.stringify(text)}`, {
    hint: 'write 10% or 500M (drawn anew each time), or 1/7 … 7/7 (seven runs read everything)',
  });
}

export interface SizedPack {
  readonly name: ObjectName;
  readonly size: number;
}

/** At least one pack, if there is any and the subset is not a part. */
export function choosePacks<P extends SizedPack>(
  packs: readonly P[],
  subset: Exclude<Subset, Rolling>,
  random: Random,
): P[] {
  if (subset.type === 'part') {
    return packs.filter(({ name }) => Number.parseInt(name.slice(0, 8), 16) % subset.m === subset.n - 1);
  }
  const total = packs.reduce((sum, { size }) => sum + size, 0);
  const wanted = subset.type === 'percent' ? (total * subset.percent) / 100 : subset.bytes;
  const drawn = packs.map((pack) => ({ pack, lot: Buffer.from(random.bytes(8)).readBigUInt64LE() }));
  drawn.sort((a, b) => (a.lot < b.lot ? -1 : 1));
  const chosen: P[] = [];
  let bytes = 0;
  for (const { pack } of drawn) {
    if (bytes >= wanted) break;
    chosen.push(pack);
    bytes += pack.size;
  }
  return chosen;
}

export interface DatedPack<P extends SizedPack> {
  readonly pack: P;
  /** When it was last read and found right, milliseconds; 0: never. */
  readonly read: number;
}

/** At least one of those that are due, if any is, whatever the budget: else a large pack would never be read. */
export function choosePacksInTurn<P extends SizedPack>(
  packs: readonly DatedPack<P>[],
  { maxAge, budget = Number.POSITIVE_INFINITY }: Rolling,
  now: number,
): { readonly due: { readonly chosen: P[]; readonly left: number }; readonly fresh: number } {
  const due = packs.filter(({ read }) => read === 0 || now - read >= maxAge).sort((a, b) => a.read - b.read);
  const chosen: P[] = [];
  let bytes = 0;
  for (const { pack } of due) {
    if (chosen.length > 0 && bytes + pack.size > budget) break;
    chosen.push(pack);
    bytes += pack.size;
  }
  return { due: { chosen, left: due.length - chosen.length }, fresh: packs.length - due.length };
}
