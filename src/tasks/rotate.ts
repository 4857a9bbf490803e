/** New sealing and signing pairs for all that comes (docs/decisions/0016-rotation.md). Nothing that is there is rewritten. */
import { toHex } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type ClientId, type ObjectName, objectName } from '../core/ids.ts';
import type { Random } from '../core/random.ts';
import { decodeCertificate, issueCertificate, refuseExpired } from '../repo/certificate.ts';
import {
  CONTENT_EPOCHS,
  encodeConfig,
  type RepositoryConfig,
  requireFeatures,
  requireOneConfig,
} from '../repo/config.ts';
import { cameSecond, configPath } from '../repo/config-objects.ts';
import { decodeSlot, encodeRenewal, openListing, type SlotListing } from '../repo/key-slots.ts';
import { keysFromRoot, type RepositoryKeys, slotContents, writeSlotKeys } from '../repo/keyring.ts';
import { isRotatedSince, type Repository, renewalPath, requireFull, slotPath } from '../repo/repository.ts';
import { type ContentEpochSecrets, LAST_CONTENT_EPOCH, type SlotKeys } from '../repo/slot-secret.ts';
import { findKey, isUsableFull, type KeyInfo, listSlots, nameOf } from './keys/listing.ts';
import { removeSlot } from './keys/removing.ts';

export interface RotateOptions {
  /** Labels, or starts of ids: these keys are left out, and their slots removed. */
  readonly drop: readonly string[];
  readonly dryRun: boolean;
  /** New content secrets, too (docs/decisions/0021-content-epochs.md). */
  readonly content?: boolean;
}

export interface RotateSummary {
  /** The new one. */
  readonly epoch: number;
  /** Of the content secrets that are in force then. */
  readonly contentEpoch: number;
  readonly renewed: readonly KeyInfo[];
  readonly dropped: readonly KeyInfo[];
  /** Left out, for they have expired. */
  readonly expired: readonly KeyInfo[];
}

/**
 * Renewals of all slots that stay are durable first, then the configuration is, which is the commit point, and then the
 * slots go that were dropped. A crash before leaves renewals that nobody reads.
 * @throws NeoError permission-denied without role full; usage for a key that is not there; failed for the own key, and when
 * no key of role full would stay; integrity when another object has the place of a renewal, or somebody else rotated
 */
export async function rotateKeys(repository: Repository, options: RotateOptions): Promise<RotateSummary> {
  requireFeatures(repository.config, 'write');
  requireOneConfig(repository.chain);
  requireFull(repository, 'rotate keys');
  const now = await repository.backend.now();
  refuseExpired(repository.signer.certificate, now);
  if (await isRotatedSince(repository)) throw rotatedMeanwhile();
  const { keys } = await listSlots(repository);
  const dropped = options.drop.map((name) => findKey(keys, name));
  const own = dropped.find(({ current }) => current);
  if (own !== undefined) {
    throw new NeoError('failed', `${nameOf(own)} is the key in use`, { hint: 'rotate with a key that stays' });
  }
  const isExpired = ({ expires }: KeyInfo): boolean => expires !== 0 && expires <= now;
  const expired = keys.filter((key) => isExpired(key) && !dropped.includes(key));
  const renewed = keys.filter((key) => !isExpired(key) && !dropped.includes(key));
  if (!renewed.some((key) => isUsableFull(key, now))) {
    throw new NeoError('failed', 'no key of role full would stay', { hint: 'add one first: neo key add' });
  }
  const next = nextEpoch(repository, now, options);
  const { epoch, contentEpoch } = next.config;
  const summary = { epoch, contentEpoch, renewed, dropped, expired };
  if (options.dryRun) return summary;
  for (const { id } of renewed) await putRenewal(repository, id, next);
  if (await isRotatedSince(repository)) throw rotatedMeanwhile();
  const path = configPath(next.config.epoch, next.name);
  await repository.backend.put(path, next.bytes);
  if (await cameSecond(repository, { epoch: next.config.epoch, name: next.name })) {
    await repository.backend.remove(path);
    for (const { id } of renewed) {
      await repository.backend.remove(renewalPath(id, next.config.epoch, next.name));
    }
    throw rotatedMeanwhile();
  }
  for (const { id } of dropped) await removeSlot(repository, id);
  return summary;
}

function rotatedMeanwhile(): NeoError {
  return new NeoError('failed', 'somebody else has rotated keys meanwhile', {
    hint: 'see: neo key list; then run it again',
  });
}

interface NextEpoch {
  readonly config: RepositoryConfig;
  readonly name: ObjectName;
  readonly bytes: Uint8Array;
  readonly keys: RepositoryKeys;
  readonly issuerSeed: Uint8Array;
  readonly created: number;
}

/**
 * @throws NeoError permission-denied for a key that does not have the epoch in force; failed when content secrets were
 * rotated more often than can be told
 */
function nextEpoch(repository: Repository, created: number, { content = false }: RotateOptions): NextEpoch {
  const { engine, random, configName } = repository;
  const { root, epochs } = requireFull(repository, 'rotate keys');
  const current = epochs.find(({ epoch }) => epoch === repository.config.epoch);
  if (current === undefined) {
    throw new NeoError('permission-denied', 'this key was left out when keys were rotated', {
      hint: 'use another one',
    });
  }
  const [sealSeed, issuerSeed] = [random.bytes(32), random.bytes(32)];
  const contents = slotContents(repository.keys.content);
  if (content) contents.push(newContentSecrets(random, repository.config.contentEpoch + 1));
  const config: RepositoryConfig = {
    ...repository.config,
    ...(content ? withContentEpoch(repository.config) : {}),
    epoch: repository.config.epoch + 1,
    sealPublic: engine.kemPublicKey(sealSeed),
    signPublic: engine.signPublicKey(issuerSeed),
    previous: configName,
  };
  const bytes = encodeConfig(engine, config, current.signSeed);
  return {
    config,
    bytes,
    name: objectName(toHex(engine.blake3(bytes))),
    keys: keysFromRoot(engine, root, [...epochs, { epoch: config.epoch, sealSeed, signSeed: issuerSeed }], contents),
    issuerSeed,
    created,
  };
}

/** By chance, not from `root`: that may be what has leaked. */
function newContentSecrets(random: Random, epoch: number): ContentEpochSecrets {
  if (epoch > LAST_CONTENT_EPOCH) throw new NeoError('failed', 'content secrets were rotated too often');
  return { epoch, data: random.bytes(32), tree: random.bytes(32), list: random.bytes(32) };
}

function withContentEpoch({ contentEpoch, features }: RepositoryConfig): Partial<RepositoryConfig> {
  const read = features.read.filter((flag) => flag !== CONTENT_EPOCHS);
  return { contentEpoch: contentEpoch + 1, features: { ...features, read: [...read, CONTENT_EPOCHS] } };
}

async function putRenewal(repository: Repository, id: ClientId, next: NextEpoch): Promise<void> {
  const { engine, random, backend } = repository;
  const listing = await listingOf(repository, id);
  const old = decodeCertificate(listing.certificate);
  const { signPublic, kemHash, role, expires } = old;
  const facts = { client: id, role, epoch: next.config.epoch, created: next.created, expires, signPublic, kemHash };
  const certificate = issueCertificate(engine, repository.id, next.issuerSeed, facts).encoded;
  const { full, content } = next.keys;
  const keys: SlotKeys =
    role === 'full' && full !== undefined
      ? { role, ...full, contents: slotContents(content) }
      : writeSlotKeys(next.keys);
  const bytes = encodeRenewal(engine, random, {
    listing: { ...listing, certificate, created: next.created },
    secret: {
      repository: repository.id,
      config0: repository.slot.config0,
      config: next.name,
      client: id,
      certificate,
      keys,
    },
    indexKey: repository.keys.index,
    issuerSeed: next.issuerSeed,
  });
  await backend.put(renewalPath(id, next.config.epoch, next.name), bytes);
}

/** Of its first slot: the pairs of a client stay the same. */
async function listingOf({ engine, keys, backend }: Repository, id: ClientId): Promise<SlotListing> {
  const bytes = await backend.get(slotPath(id));
  if (bytes === undefined)
    throw new NeoError('failed', `key slot ${id.slice(0, 8)} went while keys were rotated`, { hint: 'run it again' });
  return openListing(engine, keys.index, decodeSlot(id, bytes));
}
