/** One fault in one object: what is done, and whether anybody noticed. */
import type { MemoryBackend } from '../../src/backends/memory.ts';
import { isNeoError } from '../../src/core/errors.ts';
import type { ObjectName } from '../../src/core/ids.ts';
import type { IndexedRepository } from '../../src/repo/indexed.ts';
import type { CorruptionWorld } from './corruption-world.ts';
import { checkWorld, openWorld, readSnapshot } from './sim-repository.ts';
import type { Model } from './sim-sources.ts';

export type Action = 'flip' | 'truncate' | 'swap' | 'delete' | 'older';

export interface Injection {
  readonly kind: string;
  readonly action: Action;
  readonly paths: readonly string[];
  /** Of the bit, or the bytes kept. */
  readonly at?: number;
  apply(storage: MemoryBackend): Promise<void>;
}

/** `open`: nobody gets in, and is told why. `check`: named. `harmless`: no damage, rightly. */
export type Verdict = 'open' | 'check' | 'harmless' | 'UNNOTICED' | 'UNNAMED' | 'WRONG BYTES';

/** Offsets of a object's bytes at which bits are flipped. */
export type ChooseOffsets = (length: number) => readonly number[];

/** First and last bytes, and `count` spread evenly with a seeded start. */
export function spread(count: number, start: number): ChooseOffsets {
  return (length) => {
    const step = length / count;
    const even = Array.from({ length: count }, (_, n) => Math.min(length - 1, Math.floor((n + start) * step)));
    return [...new Set([0, 4, 7, 9, 25, ...even, length - 11, length - 1])].filter((at) => at >= 0 && at < length);
  };
}

export async function injectionsFor(
  { world, olderSlot }: CorruptionWorld,
  offsets: ChooseOffsets,
): Promise<Injection[]> {
  const found: Injection[] = [];
  const paths: string[] = [];
  for await (const { path } of world.backend.list('')) paths.push(path);
  paths.sort();
  for (const path of paths) {
    const kind = path.split('/')[0] ?? '';
    const bytes = (await world.backend.get(path)) ?? new Uint8Array();
    for (const at of offsets(bytes.length)) found.push(flip(kind, path, bytes, at));
    for (const at of [0, 1, Math.floor(bytes.length / 2), bytes.length - 1]) {
      const apply = async (storage: MemoryBackend): Promise<void> => storage.tamper(path, bytes.subarray(0, at));
      found.push({ kind, action: 'truncate', paths: [path], at, apply });
    }
    found.push({ kind, action: 'delete', paths: [path], apply: async (storage) => storage.tamper(path, undefined) });
    const sibling = paths.find((other) => other > path && other.startsWith(`${kind}/`));
    if (sibling !== undefined) found.push(swap(kind, path, sibling));
  }
  const { path, bytes } = olderSlot;
  found.push({ kind: 'keys', action: 'older', paths: [path], apply: async (storage) => storage.tamper(path, bytes) });
  const newest = paths.filter((other) => other.startsWith('config/')).slice(-1);
  const apply = async (storage: MemoryBackend): Promise<void> => {
    for (const name of newest) storage.tamper(name, undefined);
  };
  found.push({ kind: 'config', action: 'older', paths: newest, apply });
  return found;
}

function flip(kind: string, path: string, bytes: Uint8Array, at: number): Injection {
  const apply = async (storage: MemoryBackend): Promise<void> => {
    const flipped = bytes.slice();
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    storage.tamper(path, flipped);
  };
  return { kind, action: 'flip', paths: [path], at, apply };
}

function swap(kind: string, path: string, sibling: string): Injection {
  const apply = async (storage: MemoryBackend): Promise<void> => {
    const [one, other] = [await storage.get(path), await storage.get(sibling)];
    storage.tamper(path, other);
    storage.tamper(sibling, one);
  };
  return { kind, action: 'swap', paths: [path, sibling], apply };
}

/** Said of a repository that is damaged where it is opened. */
const REFUSALS = ['integrity', 'wrong-password', 'no-repository'] as const;

export async function judge(corrupted: CorruptionWorld, injection: Injection): Promise<Verdict> {
  const backend = corrupted.world.backend.clone();
  await injection.apply(backend);
  const world = { ...corrupted.world, backend };
  try {
    const { damages } = await checkWorld(world, corrupted.seen, { readData: 'all' });
    const repository = await openWorld(world);
    for (const { name, model } of corrupted.snapshots) {
      if (!(await isHonest(repository, name, model))) return 'WRONG BYTES';
    }
    const named = damages.some(({ object }) => injection.paths.some((path) => path.startsWith(object)));
    if (named) return 'check';
    if (isHarmless(corrupted, injection)) return damages.length === 0 ? 'harmless' : 'UNNAMED';
    return damages.length === 0 ? 'UNNOTICED' : 'UNNAMED';
  } catch (error) {
    if (REFUSALS.some((code) => isNeoError(error, code))) return 'open';
    throw error;
  }
}

/** Somebody else's slot that is gone was removed, and older renewals may go: no damage. */
function isHarmless({ othersSlot, superseded }: CorruptionWorld, { action, paths }: Injection): boolean {
  return action === 'delete' && paths.every((path) => path === othersSlot || superseded.includes(path));
}

/** The snapshot is as it was, or an error says that it is not. */
async function isHonest(repository: IndexedRepository, name: ObjectName, model: Model): Promise<boolean> {
  try {
    const found = await readSnapshot(repository, name);
    return found.size === model.size && [...found].every(([path, entry]) => model.get(path) === entry);
  } catch {
    return true;
  }
}

export type Counts = Map<string, Map<Verdict, number>>;

export function count(counts: Counts, { kind, action }: Injection, verdict: Verdict): void {
  const cell = counts.get(`${kind} ${action}`) ?? new Map<Verdict, number>();
  counts.set(`${kind} ${action}`, cell.set(verdict, (cell.get(verdict) ?? 0) + 1));
}

export function table(counts: Counts): string {
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([cell, verdicts]) => `${cell.padEnd(20)}${[...verdicts].map(([verdict, n]) => `${verdict} ${n}`).join(', ')}`)
    .join('\n');
}

export function isBad(verdict: Verdict): boolean {
  return verdict === 'UNNOTICED' || verdict === 'UNNAMED' || verdict === 'WRONG BYTES';
}

export function describeInjection({ action, paths, at }: Injection): string {
  return `${action} ${paths.join(' ')}${at === undefined ? '' : ` at ${at}`}`;
}
