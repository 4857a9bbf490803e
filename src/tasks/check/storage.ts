/** What storage holds against what the repository says of itself: configurations, key slots, packs. */
import { type ObjectName, objectName } from '../../core/ids.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { Report } from './report.ts';

/** A pack that some segment names. */
export interface NamedPack {
  readonly name: ObjectName;
  readonly size: number;
  /** In the index; several if clients disagree about its author. */
  readonly numbers: readonly number[];
}

export interface PackListing {
  /** There, and named. */
  readonly named: readonly NamedPack[];
  /** There, and in no segment: left by an interrupted run. No damage. */
  readonly unused: number;
  readonly unusedBytes: number;
}

/** Objects of `config/` that the chain passes by, and a key slot that lacks what the configuration in force needs. */
export function checkConfigs(repository: IndexedRepository, report: Report): void {
  for (const { object, reason } of repository.chain.ignored) {
    report.add(`config/${object.epoch}-${object.name}`, reason);
  }
  const { conflict } = repository.chain;
  for (const name of conflict?.names ?? []) {
    report.add(`config/${conflict?.epoch}-${name}`, 'another valid one claims the same epoch: nobody may write');
  }
  const { full } = repository.keys;
  if (full === undefined) return;
  for (const { config } of repository.chain.configs) {
    if (full.epochs.some(({ epoch }) => epoch === config.epoch)) continue;
    report.add(`keys/${repository.client}`, `your key slot is older than the configuration of epoch ${config.epoch}`);
  }
}

/** One listing of `packs/` against the index. `marked`: by a tomb; that one of those is gone is no fault of storage's. */
export async function checkPacks(
  repository: IndexedRepository,
  report: Report,
  marked: ReadonlySet<ObjectName>,
): Promise<PackListing> {
  const numbers = numbersByName(repository);
  const named: NamedPack[] = [];
  let unused = 0;
  let unusedBytes = 0;
  for await (const { path, size } of repository.backend.list('packs')) {
    const name = nameOf(path);
    const known = name === undefined ? undefined : numbers.get(name);
    if (name === undefined || known === undefined) {
      unused += 1;
      unusedBytes += size;
      continue;
    }
    named.push({ name, size, numbers: known });
    for (const number of known) checkSize(repository, report, number, size);
  }
  for (const { name } of named) numbers.delete(name);
  for (const [name, missing] of numbers) reportMissing(report, missing, marked.has(name));
  named.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { named, unused, unusedBytes };
}

function reportMissing(report: Report, numbers: readonly number[], isMarked: boolean): void {
  for (const number of numbers) {
    if (isMarked) report.deletedPack(number);
    else report.badPack(number, 'it is missing');
  }
}

function numbersByName(repository: IndexedRepository): Map<ObjectName, number[]> {
  const numbers = new Map<ObjectName, number[]>();
  for (const [number, info] of repository.packs.entries()) {
    if (info === undefined) continue;
    const known = numbers.get(info.name);
    if (known === undefined) numbers.set(info.name, [number]);
    else known.push(number);
  }
  return numbers;
}

/** Undefined for a path at which nobody looks for a pack. */
function nameOf(path: string): ObjectName | undefined {
  const name = /^packs\/([0-9a-f]{2})\/(\1[0-9a-f]{62})$/.exec(path)?.[2];
  return name === undefined ? undefined : objectName(name);
}

function checkSize(repository: IndexedRepository, report: Report, number: number, size: number): void {
  const expected = repository.packs[number]?.size ?? 0;
  if (size !== expected) report.badPack(number, `it has ${size} bytes in place of ${expected}`);
}
