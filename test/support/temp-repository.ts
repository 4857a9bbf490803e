/**
 * Repositories for tests, made and opened within milliseconds: the credential is a secret, so that no password has to
 * be derived. The engine is the one that NEO_ENGINE names, so that the whole suite runs on either.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Backend } from '../../src/backends/backend.ts';
import { openLocal } from '../../src/backends/local.ts';
import { MemoryBackend } from '../../src/backends/memory.ts';
import type { Clock } from '../../src/core/clock.ts';
import { clientId } from '../../src/core/ids.ts';
import { type Random, systemRandom } from '../../src/core/random.ts';
import type { Engine, EngineName } from '../../src/engine/engine.ts';
import { loadEngine } from '../../src/engine/load.ts';
import { issueCertificate, type Role } from '../../src/repo/certificate.ts';
import type { RepositoryConfig } from '../../src/repo/config.ts';
import { type IndexedRepository, loadIndex } from '../../src/repo/indexed.ts';
import { type InitOptions, initRepository } from '../../src/repo/init.ts';
import { type Credential, encodeSlot } from '../../src/repo/key-slots.ts';
import { writeSlotKeys } from '../../src/repo/keyring.ts';
import { newId, openRepository, type Repository, type Surroundings, slotPath } from '../../src/repo/repository.ts';
import { SimClock } from './sim-clock.ts';

function wantedEngine(): EngineName | undefined {
  const name = process.env['NEO_ENGINE'];
  return name === 'native' || name === 'portable' ? name : undefined;
}

/** The engine under test. */
export const testEngine: Engine = await loadEngine(wantedEngine());

export const TEST_SECRET: Uint8Array = new Uint8Array(32).fill(7);
export const testCredential: Credential = { type: 'secret', secret: TEST_SECRET };

/** Small chunks, so that little data makes many; packs of one MiB at most. */
export const SMALL: Omit<InitOptions, 'credential' | 'method' | 'label'> = {
  chunker: { min: 4096, average: 16_384, max: 65_536 },
  packTarget: 1 << 20,
  compression: 3,
  blobSuite: 'aes-256-gcm',
};

export interface TempRepositoryOptions {
  readonly engine?: Engine;
  readonly backend?: Backend;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly init?: Partial<InitOptions>;
}

export interface TempRepository<B extends Backend = Backend> {
  readonly backend: B;
  readonly surroundings: Surroundings;
  readonly config: RepositoryConfig;
  /** As a new process would; with another engine if one is given. */
  open(engine?: Engine, credential?: Credential): Promise<Repository>;
  openIndexed(engine?: Engine, credential?: Credential): Promise<IndexedRepository>;
}

/** A new repository in memory, or in the backend given. */
export async function tempRepository(
  options: TempRepositoryOptions & { readonly backend?: undefined },
): Promise<TempRepository<MemoryBackend>>;
export async function tempRepository(): Promise<TempRepository<MemoryBackend>>;
export async function tempRepository<B extends Backend>(
  options: TempRepositoryOptions & { readonly backend: B },
): Promise<TempRepository<B>>;
export async function tempRepository(options: TempRepositoryOptions = {}): Promise<TempRepository> {
  const clock = options.clock ?? new SimClock();
  const surroundings: Surroundings = {
    engine: options.engine ?? testEngine,
    clock,
    random: options.random ?? systemRandom,
  };
  const backend = options.backend ?? new MemoryBackend(clock);
  const config = await initRepository(surroundings, backend, {
    credential: testCredential,
    method: 'key',
    label: 'test',
    ...SMALL,
    ...options.init,
  });
  const open = (engine: Engine = surroundings.engine, credential: Credential = testCredential): Promise<Repository> =>
    openRepository({ ...surroundings, engine }, backend, { credential });
  return {
    backend,
    surroundings,
    config,
    open,
    openIndexed: async (engine, credential) => loadIndex(await open(engine, credential)),
  };
}

/** A folder that goes away with the test. */
export async function tempFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'neo-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function tempLocalBackend(): Promise<Backend> {
  return openLocal(join(await tempFolder(), 'repository'), { create: true });
}

/** A second client, opened by the secret that is returned. The repository must be open with role full. */
export async function addClient(repository: Repository, role: Role, secretByte: number): Promise<Credential> {
  const { engine, random, clock } = repository;
  const epoch = repository.keys.full?.epochs[0];
  if (epoch === undefined || repository.keys.full === undefined) throw new Error('needs role full');
  const client = clientId(newId(random));
  const [signSeed, kemSeed, secret] = [random.bytes(32), random.bytes(32), new Uint8Array(32).fill(secretByte)];
  const kemPublic = engine.kemPublicKey(kemSeed);
  const certificate = issueCertificate(engine, repository.id, epoch.signSeed, {
    client,
    role,
    epoch: 0,
    created: clock.now(),
    expires: 0,
    signPublic: engine.signPublicKey(signSeed),
    kemHash: engine.blake3(kemPublic),
  });
  const slot = encodeSlot(engine, random, {
    listing: {
      client,
      label: role,
      role,
      method: 'key',
      created: clock.now(),
      expires: 0,
      certificate: certificate.encoded,
      kemPublic,
    },
    secret: {
      repository: repository.id,
      config0: repository.slot.config0,
      config: repository.configName,
      client,
      certificate: certificate.encoded,
      signSeed,
      kemSeed,
      keys: role === 'full' ? repository.slot.keys : writeSlotKeys(repository.keys),
    },
    indexKey: repository.keys.index,
    kek: secret,
    kdf: undefined,
  });
  await repository.backend.put(slotPath(client), slot);
  return { type: 'secret', secret };
}
