/** Making a repository: keys, first slot, and last the configuration, which is the commit point. */
import type { Backend } from '../backends/backend.ts';
import { type ChunkerParameters, checkParameters, DEFAULT_PARAMETERS } from '../chunker/chunker.ts';
import { toHex } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { type ClientId, clientId, type ObjectName, objectName, repositoryId } from '../core/ids.ts';
import type { Random } from '../core/random.ts';
import type { Engine } from '../engine/engine.ts';
import type { KdfParameters } from '../engine/kdf.ts';
import { issueCertificate } from './certificate.ts';
import { CONTENT_EPOCHS, encodeConfig, type RepositoryConfig } from './config.ts';
import { configPath } from './config-objects.ts';
import { type Credential, credentialKey, encodeSlot, type SlotMethod } from './key-slots.ts';
import { keysFromRoot } from './keyring.ts';
import { isRepository, newId, type Surroundings, slotPath, wholeConfigsAt } from './repository.ts';
import type { ContentEpochSecrets } from './slot-secret.ts';

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
  /**
   * Of another repository, so that the same contents have the same ids in both, and copies between them store nothing
   * twice. Who holds a key of one can then open blobs of the other, if he gets at them.
   */
  readonly root?: Uint8Array;
  /** The content secrets that took the place of those that come of `root`. */
  readonly contents?: readonly ContentEpochSecrets[];
  readonly bundle?: RepositoryConfig['bundle'];
}

export const DEFAULT_CHUNKER: ChunkerParameters = DEFAULT_PARAMETERS;
export const DEFAULT_PACK_TARGET = 16 << 20;
export const DEFAULT_COMPRESSION = 3;
export const DEFAULT_BUNDLE = { threshold: 16_384, target: 65_536, limit: 131_072 };
const DEFAULT_GRACE = 24 * 3600;

/** What `init` draws by chance. */
interface Seeds {
  readonly root: Uint8Array;
  /** The repository's pairs of epoch 0: sealing, signing. */
  readonly sealSeed: Uint8Array;
  readonly issuerSeed: Uint8Array;
  /** The first client's pairs: signing, KEM. */
  readonly signSeed: Uint8Array;
  readonly kemSeed: Uint8Array;
}

/**
 * @throws NeoError already-exists when the place holds a repository (it stays untouched); usage for chunk sizes outside
 *   their bounds
 */
export async function initRepository(
  surroundings: Surroundings,
  backend: Backend,
  options: InitOptions,
): Promise<RepositoryConfig> {
  const { engine, random, clock } = surroundings;
  checkParameters(options.chunker);
  if (await isRepository(engine, backend)) throw isThere(backend);
  const seeds: Seeds = {
    root: options.root ?? random.bytes(32),
    sealSeed: random.bytes(32),
    issuerSeed: random.bytes(32),
    signSeed: random.bytes(32),
    kemSeed: random.bytes(32),
  };
  const contentEpoch = options.contents?.at(-1)?.epoch ?? 0;
  const config: RepositoryConfig = {
    repository: repositoryId(newId(random)),
    epoch: 0,
    created: clock.now(),
    features: { read: contentEpoch === 0 ? [] : [CONTENT_EPOCHS], write: [], prune: [], check: [] },
    blobSuite: options.blobSuite,
    chunker: options.chunker,
    bundle: options.bundle ?? DEFAULT_BUNDLE,
    packTarget: options.packTarget,
    compression: options.compression,
    grace: DEFAULT_GRACE,
    sealPublic: engine.kemPublicKey(seeds.sealSeed),
    signPublic: engine.signPublicKey(seeds.issuerSeed),
    contentEpoch,
  };
  const configBytes = encodeConfig(engine, config, seeds.issuerSeed);
  const config0 = objectName(toHex(engine.blake3(configBytes)));
  const client = clientId(newId(random));
  const slot = await firstSlot(surroundings, options, { client, config, config0, seeds });
  await backend.put(slotPath(client), slot);
  const path = configPath(0, config0);
  await backend.put(path, configBytes);
  if (await isNotAlone(engine, backend, path)) {
    await backend.remove(path);
    await backend.remove(slotPath(client));
    throw isThere(backend);
  }
  return config;
}

/** Where two make a repository at once none is to believe that the place is its own: at least one of them takes it back. */
async function isNotAlone(engine: Engine, backend: Backend, path: string): Promise<boolean> {
  await backend.settle?.();
  const others = (await wholeConfigsAt(engine, backend)).map(({ epoch, name }) => configPath(epoch, name));
  const own = await backend.stat(path);
  for (const other of others) {
    const there = other === path ? undefined : await backend.stat(other);
    if (there !== undefined && own !== undefined && there.modified <= own.modified) return true;
  }
  return false;
}

function isThere(backend: Backend): NeoError {
  return new NeoError('already-exists', `there is a repository at ${backend.location} already`, {
    hint: 'nothing was changed; choose another place, or use this one',
  });
}

interface FirstClient {
  readonly client: ClientId;
  readonly config: RepositoryConfig;
  readonly config0: ObjectName;
  readonly seeds: Seeds;
}

/** The slot object of the client that makes the repository: role full, never expires. */
async function firstSlot(
  { engine, random }: { readonly engine: Engine; readonly random: Random },
  options: InitOptions,
  { client, config, config0, seeds }: FirstClient,
): Promise<Uint8Array> {
  const { root, sealSeed, issuerSeed, signSeed, kemSeed } = seeds;
  const { repository, created } = config;
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
  return encodeSlot(engine, random, {
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
      keys: { role: 'full', root, epochs, contents: options.contents ?? [] },
    },
    indexKey: keysFromRoot(engine, root, epochs).index,
    kek,
    kdf: options.kdf,
  });
}
