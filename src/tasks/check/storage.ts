/** What storage holds against what the repository says of itself: configurations, key slots, packs. */
import { concatBytes, equalBytes, fromHex } from '../../core/bytes.ts';
import { isNeoError, messageOf } from '../../core/errors.ts';
import { type ClientId, clientId, type ObjectName, objectName } from '../../core/ids.ts';
import { certificateIsValid, decodeCertificate } from '../../repo/certificate.ts';
import { encodeHeader } from '../../repo/header.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { decodeSlot, openListing, type SlotObject, slotIsWhole } from '../../repo/key-slots.ts';
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

/** Every key slot can be listed and was issued by this repository. A slot that is gone was removed: no damage. */
export async function checkSlots(repository: IndexedRepository, report: Report): Promise<number> {
  let slots = 0;
  for await (const { path } of repository.backend.list('keys')) {
    const match = /^keys\/([0-9a-f]{32})\/\d{1,9}$/.exec(path);
    const bytes = match === null ? undefined : await repository.backend.get(path);
    if (match?.[1] === undefined || bytes === undefined) continue;
    slots += 1;
    const reason = slotFault(repository, clientId(match[1]), bytes);
    if (reason !== undefined) report.add(path, reason);
  }
  return slots;
}

function slotFault(repository: IndexedRepository, client: ClientId, bytes: Uint8Array): string | undefined {
  const { engine, keys, issuers } = repository;
  try {
    const slot = decodeSlot(client, bytes);
    if (slot.repository !== repository.id) return isOurs(repository, slot) ? 'its header is damaged' : undefined;
    if (!slotIsWhole(engine, keys.index, slot)) return 'its bytes are not those that were written';
    const listing = openListing(engine, keys.index, slot);
    const certificate = decodeCertificate(listing.certificate);
    const issuer = issuers.get(certificate.epoch);
    if (certificate.client !== client || !certificateIsValid(engine, repository.id, certificate, issuer)) {
      return 'its certificate is not one of this repository';
    }
    if (certificate.role !== listing.role) return 'its certificate is of another role';
    return equalBytes(engine.blake3(listing.kemPublic), certificate.kemHash) ? undefined : 'its public key is forged';
  } catch (error) {
    // Nothing gives a slot's bytes a name: a later version and damage look alike here.
    if (isNeoError(error, 'integrity') || isNeoError(error, 'needs-newer-neo')) return messageOf(error);
    throw error;
  }
}

/** A slot of another repository is what an `init` left that died early; unless only its header says so. */
function isOurs(repository: IndexedRepository, slot: SlotObject): boolean {
  const listingAad = concatBytes(encodeHeader('slot', repository.id), fromHex(slot.client));
  try {
    openListing(repository.engine, repository.keys.index, { ...slot, listingAad });
    return true;
  } catch (error) {
    if (isNeoError(error, 'integrity')) return false;
    throw error;
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
