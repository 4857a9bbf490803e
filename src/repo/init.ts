/** Making a repository: keys, first slot, and last the configuration, which is the commit point. */
import type { Backend } from '../backends/backend.ts';
import type { ChunkerParameters } from '../chunker/chunker.ts';
import { toHex } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { clientId, objectName, repositoryId } from '../core/ids.ts';
import type { KdfParameters } from '../engine/kdf.ts';
import { issueCertificate } from './certificate.ts';
import { encodeConfig, type RepositoryConfig } from './config.ts';
import { type Credential, credentialKey, encodeSlot, type SlotMethod } from './key-slots.ts';
import { keysFromRoot } from './keyring.ts';
import { isRepository, newId, type Surroundings, slotPath } from './repository.ts';

export interface InitOptions {
  readonly credential: Credential;
  readonly method: SlotMethod;
  /** Absent for a secret, which needs no derivation. */
  readonly kdf?: KdfParameters;
  readonly label: string;
  readonly chunker: ChunkerParameters;
  readonly packTarget: number;
  readonly compression: number;
  readonly blobSuite: RepositoryConfig['blobSuite'];
}

export const DEFAULT_CHUNKER: ChunkerParameters = { min: 65_536, average: 262_144, max: 1_048_576 };
export const DEFAULT_PACK_TARGET = 16 << 20;
export const DEFAULT_COMPRESSION = 3;
export const DEFAULT_BUNDLE = { threshold: 16_384, target: 65_536, limit: 131_072 };
const DEFAULT_GRACE = 24 * 3600;

/** @throws NeoError already-exists when the place holds a repository (it stays untouched) */
export async function initRepository(
  surroundings: Surroundings,
  backend: Backend,
  options: InitOptions,
): Promise<RepositoryConfig> {
  const { engine, random, clock } = surroundings;
  if (await isRepository(engine, backend)) {
    throw new NeoError('already-exists', `there is a repository at ${backend.location} already`, {
      hint: 'nothing was changed; choose another place, or use this one',
    });
  }
  const repository = repositoryId(newId(random));
  const client = clientId(newId(random));
  const root = random.bytes(32);
  const sealSeed = random.bytes(32);
  const issuerSeed = random.bytes(32);
  const signSeed = random.bytes(32);
  const kemSeed = random.bytes(32);
  const created = clock.now();
  const config: RepositoryConfig = {
    repository,
    epoch: 0,
    created,
    features: { read: [], write: [], prune: [], check: [] },
    blobSuite: options.blobSuite,
    chunker: options.chunker,
    bundle: DEFAULT_BUNDLE,
    packTarget: options.packTarget,
    compression: options.compression,
    grace: DEFAULT_GRACE,
    sealPublic: engine.kemPublicKey(sealSeed),
    signPublic: engine.signPublicKey(issuerSeed),
  };
  const configBytes = encodeConfig(engine, config, issuerSeed);
  const config0 = objectName(toHex(engine.blake3(configBytes)));
  const kemPublic = engine.kemPublicKey(kemSeed);
  const certificate = issueCertificate(engine, repository, issuerSeed, {
    client,
    role: 'full',
    epoch: 0,
    created,
    expires: 0,
    signPublic: engine.signPublicKey(signSeed),
    kemHash: engine.blake3(kemPublic),
  });
  const kek = await credentialKey(engine, options.credential, options.kdf);
  if (kek === undefined) throw new NeoError('failed', 'a password needs derivation parameters, a secret none');
  const epochs = [{ epoch: 0, sealSeed, signSeed: issuerSeed }];
  const slot = encodeSlot(engine, random, {
    listing: {
      client,
      label: options.label,
      role: 'full',
      method: options.method,
      created,
      expires: 0,
      certificate: certificate.encoded,
      kemPublic,
    },
    secret: {
      repository,
      config0,
      config: config0,
      client,
      certificate: certificate.encoded,
      signSeed,
      kemSeed,
      keys: { role: 'full', root, epochs },
    },
    indexKey: keysFromRoot(engine, root, epochs).index,
    kek,
    kdf: options.kdf,
  });
  await backend.put(slotPath(client), slot);
  await backend.put(`config/0-${config0}`, configBytes);
  return config;
}
