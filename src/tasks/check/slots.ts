/** Key slots and their renewals. */
import { concatBytes, equalBytes, fromHex } from '../../core/bytes.ts';
import { isNeoError, messageOf } from '../../core/errors.ts';
import { type ClientId, clientId } from '../../core/ids.ts';
import { type Certificate, certificateIsValid, decodeCertificate } from '../../repo/certificate.ts';
import { encodeHeader } from '../../repo/header.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import {
  decodeSlot,
  openListing,
  renewalIsSigned,
  type SlotListing,
  type SlotObject,
  slotIsWhole,
} from '../../repo/key-slots.ts';
import { renewalPath } from '../../repo/repository.ts';
import type { Report } from './report.ts';

/** Every key slot can be listed, was issued by this repository, and was renewed. One that is gone was removed: no damage. */
export async function checkSlots(repository: IndexedRepository, report: Report): Promise<number> {
  const first = new Map<ClientId, SlotCertificate | undefined>();
  const renewed = new Set<ClientId>();
  for await (const { path, client, number } of slotPaths(repository)) {
    const bytes = await repository.backend.get(path);
    if (bytes === undefined) continue;
    const found = judgeSlot(repository, client, number, bytes);
    if (typeof found === 'string') report.add(path, found);
    if (number === 0) first.set(client, typeof found === 'object' ? found : undefined);
    if (number === repository.config.epoch) renewed.add(client);
  }
  const rest = [...first].flatMap(([client, certificate]) => (renewed.has(client) ? [] : [certificate]));
  await reportLeftOut(repository, rest, report);
  return first.size;
}

async function reportLeftOut(
  { backend, config: { epoch }, configName }: IndexedRepository,
  certificates: Iterable<SlotCertificate | undefined>,
  report: Report,
): Promise<void> {
  const now = await backend.now();
  for (const certificate of certificates) {
    if (certificate === undefined || certificate.epoch >= epoch || hasExpired(certificate, now)) continue;
    report.add(renewalPath(certificate.client, epoch, configName), 'the renewal of a key slot is missing');
  }
}

function hasExpired({ expires }: SlotCertificate, now: number): boolean {
  return expires !== 0 && expires <= now;
}

interface SlotPath {
  readonly path: string;
  readonly client: ClientId;
  /** 0, or the epoch that it is renewed to. */
  readonly number: number;
}

/** What is of a configuration that does not count was left by an interrupted rotation; nobody reads it. */
async function* slotPaths({ backend, chain }: IndexedRepository): AsyncGenerator<SlotPath> {
  const epochs = new Map<string, number>(
    chain.configs.map(({ config, name }) => [`${config.epoch}-${name}`, config.epoch]),
  );
  for await (const { path } of backend.list('keys')) {
    const match = /^keys\/([0-9a-f]{32})\/(.*)$/.exec(path);
    const [, , own = ''] = match ?? [];
    // A number alone: of the time before renewals had their configuration in their name.
    const number = /^\d{1,9}$/.test(own) && Number(own) < chain.configs.length ? Number(own) : epochs.get(own);
    if (match?.[1] !== undefined && number !== undefined) yield { path, client: clientId(match[1]), number };
  }
}

type SlotCertificate = Pick<Certificate, 'client' | 'epoch' | 'expires'>;

/** Undefined for a slot of another repository; what is wrong with it. */
function judgeSlot(
  repository: IndexedRepository,
  client: ClientId,
  epoch: number,
  bytes: Uint8Array,
): SlotCertificate | string | undefined {
  try {
    const slot = decodeSlot(client, bytes);
    if (slot.repository !== repository.id) return isOurs(repository, slot) ? 'its header is damaged' : undefined;
    if (!slotIsWhole(repository.engine, repository.keys.index, slot))
      return 'its bytes are not those that were written';
    const listing = openListing(repository.engine, repository.keys.index, slot);
    const certificate = decodeCertificate(listing.certificate);
    return (
      listingFault(repository, listing, certificate, client) ?? renewalFault(repository, slot, epoch) ?? certificate
    );
  } catch (error) {
    // Nothing gives a slot's bytes a name: a later version and damage look alike here.
    if (isNeoError(error, 'integrity') || isNeoError(error, 'needs-newer-neo')) return messageOf(error);
    throw error;
  }
}

function listingFault(
  { engine, id, issuers }: IndexedRepository,
  { role, kemPublic }: SlotListing,
  certificate: Certificate,
  client: ClientId,
): string | undefined {
  const issuer = issuers.get(certificate.epoch);
  if (certificate.client !== client || !certificateIsValid(engine, id, certificate, issuer)) {
    return 'its certificate is not one of this repository';
  }
  if (certificate.role !== role) return 'its certificate is of another role';
  return equalBytes(engine.blake3(kemPublic), certificate.kemHash) ? undefined : 'its public key is forged';
}

/** Of a first slot nothing. */
function renewalFault({ engine, issuers }: IndexedRepository, slot: SlotObject, epoch: number): string | undefined {
  if ((slot.method === 'sealed') !== epoch > 0 || (epoch > 0 && slot.kem === undefined)) {
    return 'it is not what its number says';
  }
  return renewalIsSigned(engine, slot, issuers.get(epoch)) ? undefined : 'its signature is wrong';
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
