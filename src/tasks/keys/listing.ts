/** What the key slots of a repository say of themselves, and which of them are what they say. */
import { equalBytes } from '../../core/bytes.ts';
import { isNeoError, messageOf, NeoError } from '../../core/errors.ts';
import { type ClientId, clientId } from '../../core/ids.ts';
import { checkKdfBounds } from '../../engine/kdf.ts';
import { certificateIsValid, decodeCertificate, type Role } from '../../repo/certificate.ts';
import {
  decodeSlot,
  openListing,
  type SlotListing,
  type SlotMethod,
  type SlotObject,
  slotIsWhole,
} from '../../repo/key-slots.ts';
import { LARGEST } from '../../repo/largest.ts';
import { type Repository, slotPath } from '../../repo/repository.ts';

export interface KeyInfo {
  /** Also the id of the client that uses it. */
  readonly id: ClientId;
  readonly label: string;
  readonly role: Role;
  readonly method: SlotMethod;
  /** Milliseconds since 1970; expires 0 = never. */
  readonly created: number;
  readonly expires: number;
  /** The one that opened the repository. */
  readonly current: boolean;
  /** False if bytes of the slot have changed since it was written: its secret may open nothing. */
  readonly whole: boolean;
}

export interface KeyFault {
  readonly path: string;
  readonly reason: string;
}

export interface KeyListing {
  /** Oldest first. */
  readonly keys: readonly KeyInfo[];
  /** Objects in `keys/` that no full-role client of this repository made, or that are damaged. */
  readonly faults: readonly KeyFault[];
}

export async function listSlots(repository: Repository): Promise<KeyListing> {
  const keys: KeyInfo[] = [];
  const faults: KeyFault[] = [];
  for await (const { path, size } of repository.backend.list('keys')) {
    const id = /^keys\/([0-9a-f]{32})\/0$/.exec(path)?.[1];
    const key = id === undefined ? undefined : await readKey(repository, clientId(id), path, size);
    if (key === undefined) continue;
    if ('reason' in key) faults.push(key);
    else keys.push(key);
  }
  keys.sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1));
  return { keys, faults };
}

async function readKey(
  repository: Repository,
  id: ClientId,
  path: string,
  size: number,
): Promise<KeyInfo | KeyFault | undefined> {
  if (size > LARGEST.slot) return { path, reason: `${size} bytes are no key slot` };
  const bytes = await repository.backend.get(path);
  if (bytes === undefined) return undefined;
  try {
    return describe(repository, id, bytes);
  } catch (error) {
    if (!isNeoError(error, 'integrity') && !isNeoError(error, 'needs-newer-neo')) throw error;
    return { path, reason: messageOf(error) };
  }
}

function describe(repository: Repository, id: ClientId, bytes: Uint8Array): KeyInfo {
  const slot = decodeSlot(id, bytes);
  const listing = openListing(repository.engine, repository.keys.index, slot);
  checkListing(repository, slot, listing);
  const { label, role, method, created, expires } = listing;
  const whole = slotIsWhole(repository.engine, repository.keys.index, slot);
  return { id, label, role, method, created, expires, current: id === repository.client, whole };
}

/**
 * The listing is sealed with a key that every client has: what it says counts only as far as the certificate in it,
 * which only a full-role client can issue, says the same.
 */
function checkListing(repository: Repository, slot: SlotObject, listing: SlotListing): void {
  const certificate = decodeCertificate(listing.certificate);
  const { engine, id, issuers } = repository;
  if (slot.repository !== id) throw new NeoError('integrity', 'it belongs to another repository');
  if (slot.kdf !== undefined) checkKdfBounds(slot.kdf);
  if (!certificateIsValid(engine, id, certificate, issuers.get(certificate.epoch))) {
    throw new NeoError('integrity', 'its certificate was not issued by this repository');
  }
  const same =
    certificate.client === slot.client &&
    certificate.role === listing.role &&
    certificate.created === listing.created &&
    certificate.expires === listing.expires &&
    listing.method === slot.method &&
    equalBytes(certificate.kemHash, engine.blake3(listing.kemPublic));
  if (!same) throw new NeoError('integrity', 'its listing and its certificate differ');
}

/**
 * The slot of that label, or whose id begins so (4 digits at least).
 * @throws NeoError usage when there is none, or several
 */
export function findKey(keys: readonly KeyInfo[], text: string): KeyInfo {
  const labelled = keys.filter(({ label }) => label === text);
  const found = labelled.length > 0 ? labelled : keys.filter(({ id }) => text.length >= 4 && id.startsWith(text));
  const [only, second] = found;
  if (only === undefined) {
    throw new NeoError('usage', `there is no key ${JSON.stringify(text)}`, {
      hint: 'name its label, or at least four characters of its id; see: neo key list',
    });
  }
  if (second !== undefined) {
    throw new NeoError('usage', `${found.length} keys are called ${JSON.stringify(text)}`, {
      hint: `name an id: ${found.map(({ id }) => id.slice(0, 8)).join(', ')}`,
    });
  }
  return only;
}

/**
 * True if it opens the repository for a full-role client at that time, as far as can be told without its password. The
 * certificate alone does not tell: listing and certificate of a slot that was removed fit on any secret.
 */
export function isUsableFull(key: KeyInfo, now: number): boolean {
  return key.whole && key.role === 'full' && (key.expires === 0 || key.expires > now);
}

export async function readSlotBytes(repository: Repository, id: ClientId): Promise<Uint8Array | undefined> {
  return repository.backend.get(slotPath(id));
}

export function shortId(id: ClientId): string {
  return id.slice(0, 8);
}

/** For messages: `first password (3f2a9c01)`. */
export function nameOf(key: Pick<KeyInfo, 'id' | 'label'>): string {
  return `${JSON.stringify(key.label)} (${shortId(key.id)})`;
}
