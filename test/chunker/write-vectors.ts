/**
 * Writes test/fixtures/chunker.json from the reference chunker: `node test/chunker/write-vectors.ts`. Only for a new
 * format version: the file is what every implementation must meet.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { type ChunkerParameters, DEFAULT_PARAMETERS } from '../../src/chunker/chunker.ts';
import { createReferenceChunker } from '../../src/chunker/fastcdc.ts';
import { sipHash24 } from '../../src/chunker/siphash.ts';
import { toHex } from '../../src/core/bytes.ts';
import { cutAll, inputOf, keyMaterial, type Segment, SMALL, xorshift } from './inputs.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const { min, max } = DEFAULT_PARAMETERS;
const text = toHex(new TextEncoder().encode('The same procedure as every year. '));

const inputs: readonly [name: string, parameters: ChunkerParameters, key: number, input: readonly Segment[]][] = [
  ['empty', DEFAULT_PARAMETERS, 1, []],
  ['one byte', DEFAULT_PARAMETERS, 1, [{ random: 7, length: 1 }]],
  ['one byte short of min', DEFAULT_PARAMETERS, 1, [{ random: 7, length: min - 1 }]],
  ['exactly min', DEFAULT_PARAMETERS, 1, [{ random: 7, length: min }]],
  ['zeros, exactly max', DEFAULT_PARAMETERS, 1, [{ repeat: '00', length: max }]],
  ['zeros, one more than max', DEFAULT_PARAMETERS, 1, [{ repeat: '00', length: max + 1 }]],
  ['random', DEFAULT_PARAMETERS, 1, [{ random: 11, length: 4_194_304 }]],
  ['random, another key', DEFAULT_PARAMETERS, 2, [{ random: 11, length: 2_097_152 }]],
  ['random, small chunks', SMALL, 1, [{ random: 13, length: 1_048_576 }]],
  ['text repeated', SMALL, 1, [{ repeat: text, length: 200_000 }]],
  [
    'random, zeros, random',
    SMALL,
    2,
    [
      { random: 17, length: 100_001 },
      { repeat: '00', length: 99_999 },
      { random: 17, length: 100_001 },
    ],
  ],
];

function keyOf(seed: number): object {
  const key = xorshift(seed, 32);
  const { gear, sip } = keyMaterial(key);
  return { seed, key: toHex(key), gearSha256: sha256(gear), gearStart: toHex(gear.subarray(0, 16)), sip: toHex(sip) };
}

function caseOf([name, parameters, key, segments]: (typeof inputs)[number]): object {
  const input = inputOf(segments);
  const capacity = Math.max(input.length, parameters.max);
  const chunker = createReferenceChunker({ ...keyMaterial(xorshift(key, 32)), parameters, capacity });
  return { name, key, parameters, input: segments, inputSha256: sha256(input), cuts: cutAll(chunker, input) };
}

function sipVector(length: number): object {
  const message = Uint8Array.from({ length }, (_, i) => i);
  const key = message.length >= 16 ? message.subarray(0, 16) : Uint8Array.from({ length: 16 }, (_, i) => i);
  return { key: toHex(key), message: toHex(message), hash: sipHash24(key, message).toString(16).padStart(16, '0') };
}

const fixture = {
  description: [
    'Chunker, format version 1; the definition is in docs/format.md. `cuts` are the chunk lengths in order.',
    'Input: the segments one after the other. {random: seed, length}: xorshift32 from state = seed,',
    'x ^= x << 13; x ^= x >>> 17; x ^= x << 5 (32-bit, unsigned); each new state gives 4 bytes, little-endian, the',
    'last ones cut off at length. {repeat: hex, length}: the bytes repeated and cut off at length.',
    'Keys: the 32-byte chunker key is xorshift32 of `seed`; gear = HKDF-SHA-256(key, no salt, info "neo/v1',
    'chunker.gear" and a zero byte, 2048), sip = the same with "chunker.sip", 16 bytes.',
  ].join(' '),
  sipHash24: [15, 32].map(sipVector),
  keys: [1, 2].map(keyOf),
  cases: inputs.map(caseOf),
};
writeFileSync(new URL('../fixtures/chunker.json', import.meta.url), `${JSON.stringify(fixture, null, 1)}\n`);
