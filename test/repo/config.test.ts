/** The chain of configurations: who may extend it, what is ignored, and what only a newer neo may decide. */
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter, concatBytes, fromHex, toHex } from '../../src/core/bytes.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { objectName, repositoryId } from '../../src/core/ids.ts';
import { canonicalJson, type Json, parseJson } from '../../src/core/json.ts';
import { signBytes } from '../../src/engine/identity.ts';
import {
  type ConfigObject,
  encodeConfig,
  followChain,
  type RepositoryConfig,
  requireFeatures,
  requireOneConfig,
} from '../../src/repo/config.ts';
import { encodeHeader } from '../../src/repo/header.ts';
import { testEngine as engine } from '../support/temp-repository.ts';

const seedOf = (epoch: number): Uint8Array => new Uint8Array(32).fill(100 + epoch);
const repository = repositoryId('00112233445566778899aabbccddeeff');
const NOT_CHAINED = 'does not follow the one in force';

function configOf(epoch: number, more: Partial<RepositoryConfig> = {}): RepositoryConfig {
  return {
    repository,
    epoch,
    created: 1_700_000_000_000,
    features: { read: [], write: [], prune: [], check: [] },
    blobSuite: 'aes-256-gcm',
    chunker: { min: 65_536, average: 262_144, max: 1_048_576 },
    bundle: { threshold: 16_384, target: 65_536, limit: 131_072 },
    packTarget: 16 << 20,
    compression: 3,
    grace: 86_400,
    sealPublic: new Uint8Array(1216).fill(epoch),
    signPublic: engine.signPublicKey(seedOf(epoch)),
    contentEpoch: 0,
    ...more,
  };
}

function objectOf(epoch: number, bytes: Uint8Array): ConfigObject {
  return { epoch, name: objectName(toHex(engine.blake3(bytes))), bytes };
}

/** A valid chain of epochs 0 to `last`. */
function chainTo(last: number): ConfigObject[] {
  const chain: ConfigObject[] = [];
  for (let epoch = 0; epoch <= last; epoch++) chain.push(next(chain));
  return chain;
}

/** The configuration that follows the chain, signed by `signer`: the pair of the epoch before unless told. */
function next(chain: readonly ConfigObject[], more: Partial<RepositoryConfig> = {}, signer?: Uint8Array): ConfigObject {
  const previous = chain.at(-1);
  const epoch = chain.length;
  const config = configOf(epoch, { ...(previous === undefined ? {} : { previous: previous.name }), ...more });
  return objectOf(epoch, encodeConfig(engine, config, signer ?? seedOf(Math.max(0, epoch - 1))));
}

/** The same object with another body, signed by `seed`. */
function rewritten(
  object: ConfigObject,
  seed: Uint8Array,
  change: (body: Record<string, Json>) => void,
  version = 1,
): ConfigObject {
  const reader = new ByteReader(object.bytes);
  const header = reader.bytes(24).slice();
  header[4] = version;
  const body = parseJson(reader.bytes(reader.u32())) as Record<string, Json>;
  change(body);
  const json = canonicalJson(body);
  const unsigned = concatBytes(header, new ByteWriter(4).u32(json.length).finish(), json);
  return objectOf(
    object.epoch,
    concatBytes(unsigned, signBytes(engine, seed, 'config', fromHex(repository), unsigned)),
  );
}

function first(chain: readonly ConfigObject[]): ReturnType<typeof objectName> {
  return chain[0]?.name ?? objectName('');
}

function failureOf(objects: readonly ConfigObject[], name = first(objects)): string {
  try {
    followChain(engine, objects, name);
    return 'none';
  } catch (error) {
    return isNeoError(error) ? error.code : `not a NeoError: ${String(error)}`;
  }
}

describe('a chain', () => {
  it('is read back as it was written, whatever the order of its objects', () => {
    const chain = chainTo(3);
    const { configs, ignored } = followChain(engine, [...chain].reverse(), first(chain));
    expect(ignored).toEqual([]);
    expect(configs.map(({ name }) => name)).toEqual(chain.map(({ name }) => name));
    for (const [epoch, { config }] of configs.entries()) {
      const { compression, chunker, repository: id } = config;
      expect({ epoch: config.epoch, compression, chunker, id }).toEqual({
        epoch,
        compression: 3,
        chunker: configOf(0).chunker,
        id: repository,
      });
      const again = encodeConfig(engine, config, seedOf(Math.max(0, epoch - 1)));
      expect(toHex(again)).toBe(toHex(chain[epoch]?.bytes ?? again.subarray(1)));
    }
  });

  it('starts at the configuration that the key slot names, and nowhere else', () => {
    const chain = chainTo(1);
    const foreign = objectOf(0, encodeConfig(engine, configOf(0, { created: 1 }), seedOf(0)));
    const { configs, ignored } = followChain(engine, [foreign, ...chain], first(chain));
    expect(configs).toHaveLength(2);
    expect(ignored.map(({ reason }) => reason)).toEqual(['not the one that the key slot names']);
    expect(failureOf([foreign], first(chain))).toBe('integrity');
    expect(failureOf([], first(chain))).toBe('integrity');
  });

  it('ends before a configuration that the epoch before did not sign', () => {
    const chain = chainTo(1);
    for (const signer of [seedOf(2), seedOf(0), new Uint8Array(32)]) {
      const { configs, ignored } = followChain(engine, [...chain, next(chain, {}, signer)], first(chain));
      expect(configs).toHaveLength(2);
      expect(ignored.map(({ reason }) => reason)).toEqual(['configuration has a wrong signature']);
    }
  });

  it('does not jump over a missing epoch', () => {
    const chain = chainTo(3);
    const { configs } = followChain(
      engine,
      chain.filter(({ epoch }) => epoch !== 2),
      first(chain),
    );
    expect(configs).toHaveLength(2);
  });

  it('ignores what is signed and yet does not belong', () => {
    const chain = chainTo(1);
    const wrong: [ConfigObject, string][] = [
      [next(chain, { previous: first(chain) }), NOT_CHAINED],
      [next(chain, { epoch: 3 }), 'path and content differ in epoch'],
      [{ ...next(chain), epoch: 2, bytes: Uint8Array.of(1) }, 'bytes do not give its name'],
      [next(chain, { repository: repositoryId('ff'.repeat(16)) }), 'another repository'],
    ];
    for (const [object, reason] of wrong) {
      const { configs, ignored } = followChain(engine, [...chain, object], first(chain));
      expect(configs).toHaveLength(2);
      expect(ignored).toEqual([{ object, reason }]);
    }
  });

  it('follows the one asked for of two valid ones of an epoch, and lets nobody write', () => {
    const chain = chainTo(1);
    const rivals = [next(chain), next(chain, { compression: 9 })];
    for (const wanted of rivals) {
      const found = followChain(engine, [...chain, ...rivals], first(chain), wanted.name);
      expect(found.configs.at(-1)?.name).toBe(wanted.name);
      expect(found.conflict).toEqual({ epoch: 2, names: expect.arrayContaining(rivals.map(({ name }) => name)) });
      expect(() => requireOneConfig(found)).toThrow(expect.objectContaining({ code: 'integrity', exitCode: 15 }));
    }
    expect(() => requireOneConfig(followChain(engine, [...chain, ...rivals.slice(1)], first(chain)))).not.toThrow();
  });

  it('reads the names of very many strange objects', () => {
    const chain = chainTo(0);
    const some = next(chain);
    const strange = Array.from({ length: 200_000 }, (_, n) => ({ ...some, epoch: n + 2, bytes: new Uint8Array() }));
    expect(followChain(engine, [...chain, ...strange], first(chain)).configs).toHaveLength(1);
  });
});

describe('what a later version wrote', () => {
  const chain = chainTo(0);
  const newer: [string, (body: Record<string, Json>) => void][] = [
    ['a version', (body) => Object.assign(body, { version: 2 })],
    [
      'a version with another layout',
      (body) => {
        for (const key of Object.keys(body)) delete body[key];
        Object.assign(body, { version: 7, signPublic: 'x' });
      },
    ],
    ['a feature needed to read', (body) => Object.assign(body, { features: { read: ['sideways'] } })],
  ];

  it.each(newer)('needs a newer neo: %s', (_, change) => {
    const object = rewritten(next(chain), seedOf(0), change);
    expect(failureOf([...chain, object])).toBe('needs-newer-neo');
  });

  it.each(newer)('counts only if it is signed: %s', (_, change) => {
    const forged = rewritten(next(chain), seedOf(9), change);
    const { configs, ignored } = followChain(engine, [...chain, forged], first(chain));
    expect(configs).toHaveLength(1);
    expect(ignored).toHaveLength(1);
  });

  it('needs a newer neo when it stands in the first configuration', () => {
    const object = rewritten(next([]), seedOf(0), (body) => Object.assign(body, { version: 2 }));
    expect(failureOf([object])).toBe('needs-newer-neo');
  });

  it('needs a newer neo when a signed header says so', () => {
    const reader = new ByteReader(next(chain).bytes);
    const header = reader.bytes(24).slice();
    header[4] = 2;
    const length = reader.u32();
    const unsigned = concatBytes(header, new ByteWriter(4).u32(length).finish(), reader.bytes(length));
    const list = signBytes(engine, seedOf(0), 'config', fromHex(repository), unsigned);
    expect(failureOf([...chain, objectOf(1, concatBytes(unsigned, list))])).toBe('needs-newer-neo');
  });

  it('is asked for when an operation needs it, and only then', () => {
    const config = configOf(0, { features: { read: [], write: [], prune: ['knots'], check: [] } });
    for (const operation of ['read', 'write', 'check'] as const) requireFeatures(config, operation);
    expect(() => requireFeatures(config, 'prune')).toThrow(expect.objectContaining({ code: 'needs-newer-neo' }));
  });
});

describe('a malformed configuration is refused', () => {
  const broken: [string, (body: Record<string, Json>) => void][] = [
    ['version 0', (body) => Object.assign(body, { version: 0 })],
    ['version as text', (body) => Object.assign(body, { version: '1' })],
    [
      'an unknown chunker',
      (body) => Object.assign(body, { chunker: { algorithm: 'rabin', min: 1, average: 2, max: 3 } }),
    ],
    ['min above average', (body) => setChunker(body, { min: 262_144, average: 65_536, max: 1_048_576 })],
    ['min too small', (body) => setChunker(body, { min: 1023, average: 65_536, max: 1_048_576 })],
    ['an average that is no power of two', (body) => setChunker(body, { min: 4096, average: 65_537, max: 1_048_576 })],
    ['an average too small', (body) => setChunker(body, { min: 1024, average: 8192, max: 1_048_576 })],
    ['max too large', (body) => setChunker(body, { min: 4096, average: 65_536, max: 8_388_609 })],
    ['packs above 64 MiB', (body) => Object.assign(body, { pack: { target: (64 << 20) + 1 } })],
    ['no seal key', (body) => Object.assign(body, { sealPublic: 'AA' })],
    ['a seal key that is no base64', (body) => Object.assign(body, { sealPublic: '=' })],
    ['a compression that zstd does not have', (body) => Object.assign(body, { compression: 23 })],
    ['an unknown suite', (body) => Object.assign(body, { suites: { blob: 'rot13' } })],
    ['nothing', (body) => clear(body)],
  ];

  it.each(broken)('%s', (_, change) => {
    const chain = chainTo(0);
    const object = rewritten(next(chain), seedOf(0), change);
    expect(followChain(engine, [...chain, object], first(chain)).configs).toHaveLength(1);
    expect(failureOf([rewritten(next([]), seedOf(0), change)])).toBe('integrity');
  });

  function clear(body: Record<string, Json>): void {
    for (const key of Object.keys(body)) delete body[key];
  }

  function setChunker(body: Record<string, Json>, sizes: { min: number; average: number; max: number }): void {
    body['chunker'] = { algorithm: 'fastcdc-keyed-1', ...sizes };
  }
});

it('a header alone, or nothing, is damage', () => {
  for (const bytes of [new Uint8Array(), encodeHeader('config', repository), new Uint8Array(64)]) {
    expect(failureOf([objectOf(0, bytes)])).toBe('integrity');
  }
});
