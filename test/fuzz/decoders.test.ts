/**
 * Every decoder on damaged input: it refuses with an error of ours, soon, and with little memory; it never takes
 * something else for what was written. NEO_FUZZ_RUNS and NEO_FUZZ_SEED make it longer and different.
 */
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes, toHex, utf8 } from '../../src/core/bytes.ts';
import { isNeoError } from '../../src/core/errors.ts';
import { contentKey, objectName } from '../../src/core/ids.ts';
import { parseJson } from '../../src/core/json.ts';
import { openBlob, sealObject } from '../../src/engine/aead.ts';
import { contentKeyOf, deriveKey } from '../../src/engine/keys.ts';
import { createNativeEngine } from '../../src/engine/native.ts';
import { createPortableEngine } from '../../src/engine/portable.ts';
import { certificateIsValid, decodeCertificate } from '../../src/repo/certificate.ts';
import { followChain } from '../../src/repo/config.ts';
import { encodeHeader } from '../../src/repo/header.ts';
import { decodeSegment } from '../../src/repo/index/segment.ts';
import { decodeSlot, openListing, openSlot, slotIsWhole } from '../../src/repo/key-slots.ts';
import { openDirectory, readPack } from '../../src/repo/pack/pack.ts';
import { decodeSealedSigned } from '../../src/repo/signed-object.ts';
import { decodeExtents, encodeExtents } from '../../src/snapshot/extents.ts';
import { nodeFromJson } from '../../src/snapshot/node-json.ts';
import { decodeSnapshot, openSnapshot } from '../../src/snapshot/snapshot.ts';
import { readParts, readTree } from '../../src/snapshot/tree.ts';
import { TreeCache } from '../../src/snapshot/tree-cache.ts';
import { CLIENT, formatWorld, PLAINTEXT, REPOSITORY, SEEDS } from '../support/format-objects.ts';
import { SimRandom } from '../support/sim-random.ts';
import { mutate } from './mutations.ts';

const RUNS = Number(process.env['NEO_FUZZ_RUNS'] ?? 150);
const SEED = Number(process.env['NEO_FUZZ_SEED'] ?? 1);

interface Target {
  readonly bytes: Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
  /** Damage must be noticed, as nothing but the whole is signed, sealed or named. */
  readonly authenticated: boolean;
}

function targetsOf(engine: Awaited<ReturnType<typeof createNativeEngine>>): Record<string, Target> {
  const world = formatWorld(engine);
  const { context, keys, objects } = world;
  const directory = { ...context, indexKey: keys.index };
  const key = contentKeyOf(engine, keys.content.data, PLAINTEXT);
  const packKey = deriveKey(engine, keys.index, 'seal.pack');
  const packBody = concatBytes(new Uint8Array(16), Uint8Array.of(1, 0, 0, 0), new Uint8Array(4076));
  const header = encodeHeader('pack', REPOSITORY);
  const object = (name: string): Uint8Array => objects[name] ?? new Uint8Array();
  const name = objectName(toHex(engine.blake3(object('config'))));
  const drain = async (items: AsyncIterable<unknown>): Promise<void> => {
    for await (const _ of items);
  };
  const parts = (json: Uint8Array) => async (): Promise<Uint8Array> => json;
  const anyKey = contentKey(new Uint8Array(32));
  const opened = (act: () => unknown): unknown => act() ?? refuse();
  return {
    certificate: {
      bytes: object('certificate'),
      decode: (bytes) => {
        if (!certificateIsValid(engine, REPOSITORY, decodeCertificate(bytes), world.config.signPublic)) refuse();
      },
      authenticated: true,
    },
    config: {
      bytes: object('config'),
      decode: (bytes) =>
        followChain(engine, [{ epoch: 0, name: objectName(toHex(engine.blake3(bytes))), bytes }], name),
      authenticated: true,
    },
    'config under its new name': {
      bytes: object('config'),
      decode: (bytes) => {
        const own = objectName(toHex(engine.blake3(bytes)));
        return followChain(engine, [{ epoch: 0, name: own, bytes }], own);
      },
      authenticated: true,
    },
    'slot, its secret': {
      bytes: object('slot'),
      decode: (bytes) => {
        const slot = decodeSlot(CLIENT, bytes);
        return slotIsWhole(engine, keys.index, slot) ? openSlot(engine, slot, SEEDS.kek) : refuse();
      },
      authenticated: true,
    },
    'slot, its listing': {
      bytes: object('slot'),
      decode: (bytes) => openListing(engine, keys.index, decodeSlot(CLIENT, bytes)),
      authenticated: false,
    },
    'sealed blob': {
      bytes: object('sealed blob, AES-256-GCM'),
      decode: (bytes) => openBlob(engine, 1, key, bytes),
      authenticated: true,
    },
    pack: {
      bytes: object('pack'),
      decode: (bytes) => readPack(directory, objectName(toHex(engine.blake3(bytes))), bytes),
      authenticated: true,
    },
    'pack directory, sealed again': {
      bytes: packBody,
      decode: (bytes) => openDirectory(directory, sealObject(engine, packKey, bytes, header, new SimRandom(1))),
      authenticated: true,
    },
    segment: {
      bytes: object('segment'),
      decode: (bytes) => decodeSegment(decodeSealedSigned(context, 'index', keys.index, bytes).body),
      authenticated: true,
    },
    'segment body': { bytes: object('segment body'), decode: decodeSegment, authenticated: false },
    node: { bytes: object('node'), decode: (bytes) => nodeFromJson(parseJson(bytes)), authenticated: false },
    'tree part': {
      bytes: object('tree part'),
      decode: (bytes) => drain(readTree(parts(bytes), anyKey)),
      authenticated: false,
    },
    'tree part of a level above': {
      bytes: utf8(`{"e":[{"k":"${'A'.repeat(43)}","n":"a"}],"l":1}`),
      decode: (bytes) => drain(readTree(parts(bytes), anyKey)),
      authenticated: false,
    },
    'list part': {
      bytes: object('list part'),
      decode: (bytes) => drain(readParts(parts(bytes), 'list', anyKey)),
      authenticated: false,
    },
    extents: {
      bytes: encodeExtents([
        { offset: 0, length: 9 },
        { offset: 20, length: 9 },
      ]),
      decode: decodeExtents,
      authenticated: false,
    },
    snapshot: {
      bytes: object('snapshot'),
      decode: (bytes) => openSnapshot(context, decodeSnapshot(context, bytes), SEEDS.seal),
      authenticated: true,
    },
    'tree cache': {
      bytes: new TreeCache(engine).encode(SEEDS.sign, new SimRandom(2), anyKey, utf8('about')),
      decode: (bytes) => opened(() => TreeCache.decode(engine, SEEDS.sign, bytes)),
      authenticated: true,
    },
  };
}

class Refused extends Error {}

function refuse(): never {
  throw new Refused();
}

async function outcome({ decode }: Target, bytes: Uint8Array): Promise<'read' | 'refused' | string> {
  try {
    await decode(bytes);
    return 'read';
  } catch (error) {
    if (isNeoError(error, 'integrity') || isNeoError(error, 'needs-newer-neo') || error instanceof Refused)
      return 'refused';
    return `${String(error)}`;
  }
}

const engines = [await createNativeEngine(), await createPortableEngine()];

/** The first mutant that is not treated as it should be, or undefined. */
async function firstFailure(target: Target, runs: number): Promise<string | undefined> {
  const allowed = target.authenticated ? ['refused'] : ['read', 'refused'];
  const random = new SimRandom(SEED);
  for (let run = 0; run < runs; run++) {
    const mutant = mutate(target.bytes, random);
    if (equalBytes(mutant, target.bytes)) continue;
    const result = await outcome(target, mutant);
    if (!allowed.includes(result)) return `${result}: run ${run} of seed ${SEED}: ${toHex(mutant.subarray(0, 2000))}`;
  }
  return undefined;
}

describe.each(engines.map((engine) => [engine.name, targetsOf(engine)] as const))(
  'decoders on %s',
  (engine, targets) => {
    it.each(Object.entries(targets))('%s', async (name, target) => {
      const whole = name === 'pack directory, sealed again' || name.endsWith('above') ? 'refused' : 'read';
      expect(await outcome(target, target.bytes)).toBe(whole);
      const memory = process.memoryUsage().rss;
      expect(await firstFailure(target, engine === 'portable' ? Math.ceil(RUNS / 3) : RUNS)).toBeUndefined();
      expect(process.memoryUsage().rss - memory).toBeLessThan(256 << 20);
    });
  },
);
