/**
 * Writes test/fixtures/chunker.json from the reference chunker: `node test/chunker/write-vectors.ts`. Only for a new
 * format version: the file is what every implementation must meet.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { ChunkerParameters } from '../../src/chunker/chunker.ts';
import { createReferenceChunker } from '../../src/chunker/fastcdc.ts';
import { sipHash24 } from '../../src/chunker/siphash.ts';
import { toHex } from '../../src/core/bytes.ts';
import { firstAccepted } from './by-sum.ts';
import { cutAll, inputOf, keyMaterial, optionsOf, type Segment, SMALL, xorshift } from './inputs.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
/** The default when the vectors were made. */
const LARGE: ChunkerParameters = { min: 65_536, average: 262_144, max: 1_048_576 };
const { min, max } = LARGE;
const text = toHex(new TextEncoder().encode('The same procedure as every year. '));

type Case = readonly [name: string, parameters: ChunkerParameters, key: number, input: readonly Segment[]];

const inputs: readonly Case[] = [
  ['empty', LARGE, 1, []],
  ['one byte', LARGE, 1, [{ random: 7, length: 1 }]],
  ['one byte short of min', LARGE, 1, [{ random: 7, length: min - 1 }]],
  ['exactly min', LARGE, 1, [{ random: 7, length: min }]],
  ['zeros, exactly max', LARGE, 1, [{ repeat: '00', length: max }]],
  ['zeros, one more than max', LARGE, 1, [{ repeat: '00', length: max + 1 }]],
  ['random', LARGE, 1, [{ random: 11, length: 4_194_304 }]],
  ['random, another key', LARGE, 2, [{ random: 11, length: 2_097_152 }]],
  ['random, small chunks', SMALL, 1, [{ random: 13, length: 1_048_576 }]],
  ...shiftCases(),
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

/** One chunk, with the end of the input or the maximum around its candidate and around the end the shift gives it. */
function shiftCases(): Case[] {
  const seed = 6;
  const first = firstAccepted(optionsOf(1, SMALL, 0), xorshift(seed, SMALL.max), 0);
  if (first === undefined || first.shift < 2) throw new Error('the seed must give a shifted cut');
  const { at, shift } = first;
  const end = at + shift;
  const note = `candidate ${at}, shift ${shift}`;
  const ofLength = (name: string, length: number): Case => [`${note}: ${name}`, SMALL, 1, [{ random: seed, length }]];
  const ofMax = (name: string, limit: number): Case => [
    `${note}: ${name}`,
    { ...SMALL, max: limit },
    1,
    [{ random: seed, length: end + 100 }],
  ];
  return [
    ofLength('input ends with the candidate', at),
    ofLength('input ends a byte before the cut', end - 1),
    ofLength('input ends with the cut', end),
    ofLength('input ends a byte after the cut', end + 1),
    ofMax('max a byte before the candidate', at - 1),
    ofMax('max at the candidate', at),
    ofMax('max a byte before the cut', end - 1),
    ofMax('max at the cut', end),
    ofMax('max a byte after the cut', end + 1),
  ];
}

function keyOf(seed: number): object {
  const key = xorshift(seed, 32);
  const { gear, sip } = keyMaterial(key);
  return { seed, key: toHex(key), gearSha256: sha256(gear), gearStart: toHex(gear.subarray(0, 16)), sip: toHex(sip) };
}

function caseOf([name, parameters, key, segments]: Case): object {
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
