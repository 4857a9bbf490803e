import { describe, expect, test } from 'vitest';
import { MemoryBackend } from '../../src/backends/memory.ts';
import { DEFAULT_PARAMETERS } from '../../src/chunker/chunker.ts';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { systemClock } from '../../src/core/clock.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { objectName, repositoryId } from '../../src/core/ids.ts';
import { systemRandom } from '../../src/core/random.ts';
import { encodeConfig, followChain, type RepositoryConfig } from '../../src/repo/config.ts';
import { DEFAULT_BUNDLE, initRepository } from '../../src/repo/init.ts';
import { testEngine } from '../support/temp-repository.ts';

const engine = testEngine;
const seed = new Uint8Array(32).fill(7);

function chainOf(chunker: RepositoryConfig['chunker']): RepositoryConfig | undefined {
  const config: RepositoryConfig = {
    repository: repositoryId('00112233445566778899aabbccddeeff'),
    epoch: 0,
    created: 1,
    features: { read: [], write: [], prune: [], check: [] },
    blobSuite: 'aes-256-gcm',
    chunker,
    bundle: DEFAULT_BUNDLE,
    packTarget: 1 << 24,
    compression: 3,
    grace: 86_400,
    sealPublic: engine.kemPublicKey(seed),
    signPublic: engine.signPublicKey(seed),
    contentEpoch: 0,
  };
  const bytes = encodeConfig(engine, config, seed);
  const name = objectName(toHex(engine.blake3(bytes)));
  return followChain(engine, [{ epoch: 0, name, bytes }], name).configs.at(-1)?.config;
}

describe('chunk sizes that no chunker takes', () => {
  const impossible = { min: 65_536, average: 262_143, max: 1_048_576 };

  test('in a configuration, well signed, are damage', () => {
    expect(chainOf(DEFAULT_PARAMETERS)?.chunker).toEqual(DEFAULT_PARAMETERS);
    for (const chunker of [impossible, { ...DEFAULT_PARAMETERS, max: 8_388_609 }, { ...DEFAULT_PARAMETERS, min: 1 }]) {
      expect.soft(codeOf(() => chainOf(chunker))).toBe('integrity');
    }
  });

  test('are refused by init as wrong usage, before anything is written', async () => {
    const backend = new MemoryBackend(systemClock);
    const init = initRepository({ engine, clock: systemClock, random: systemRandom }, backend, {
      credential: { type: 'secret', secret: utf8('0123456789abcdef0123456789abcdef') },
      method: 'key',
      label: 'test',
      chunker: impossible,
      packTarget: 1 << 24,
      compression: 3,
      blobSuite: 'aes-256-gcm',
    });
    await expect(init).rejects.toSatisfy((error) => isNeoError(error, 'usage'));
    for (const folder of ['config', 'keys']) {
      for await (const { path } of backend.list(folder)) throw new Error(`${path} was written`);
    }
  });
});

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    return isNeoError(error) ? error.code : undefined;
  }
  return undefined;
}
