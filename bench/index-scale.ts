/**
 * How a large index loads and answers: `node bench/index-scale.ts [--blobs 10000000] [--json] [--at FOLDER] [--keep]`.
 * Makes the segments of a simulated repository, then opens it in a process of its own, as every command does.
 */
import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openLocal } from '../src/backends/local.ts';
import { ByteWriter, fromHex, toHex } from '../src/core/bytes.ts';
import { systemClock } from '../src/core/clock.ts';
import { type BlobId, blobId } from '../src/core/ids.ts';
import { systemRandom } from '../src/core/random.ts';
import { loadEngine } from '../src/engine/load.ts';
import { openSegment } from '../src/repo/index/segment.ts';
import { loadIndex } from '../src/repo/indexed.ts';
import { DEFAULT_CHUNKER, DEFAULT_PACK_TARGET, initRepository } from '../src/repo/init.ts';
import { openRepository, type Repository } from '../src/repo/repository.ts';
import { encodeSealedSigned } from '../src/repo/signed-object.ts';

/** As writers make them. */
const SEGMENT_BLOBS = 50_000;
const ENTRY_LENGTH = 75;
/** Every so many entries one id is kept, to be looked up. */
const SAMPLE_EVERY = 8;
const SAMPLE = 'sample-of-ids';

interface Figures {
  readonly blobs: number;
  readonly segments: number;
  readonly packs: number;
  readonly loadSeconds: number;
  readonly loadCpuSeconds: number;
  readonly bytesPerBlob: number;
  readonly presentPerSecond: number;
  readonly absentPerSecond: number;
  readonly placesPerSecond: number;
  readonly peakMiB: number;
}

const surroundings = { engine: await loadEngine(), clock: systemClock, random: systemRandom };

async function open(folder: string, secret: Uint8Array): Promise<Repository> {
  const credential = { type: 'secret' as const, secret };
  return openRepository(surroundings, await openLocal(folder), { credential });
}

async function make(folder: string, secret: Uint8Array, blobs: number, packBlobs: number): Promise<void> {
  await initRepository(surroundings, await openLocal(folder, { create: true }), {
    credential: { type: 'secret', secret },
    method: 'key',
    label: 'bench',
    chunker: DEFAULT_CHUNKER,
    packTarget: DEFAULT_PACK_TARGET,
    compression: 3,
    blobSuite: 'aes-256-gcm',
  });
  const repository = await open(folder, secret);
  const sample: Uint8Array[] = [];
  for (let left = blobs; left > 0; left -= SEGMENT_BLOBS) {
    const body = segmentBody(repository, Math.min(left, SEGMENT_BLOBS), packBlobs);
    const bytes = encodeSealedSigned(repository, 'index', repository.keys.index, repository.signer, body);
    await repository.backend.put(`index/${toHex(surroundings.engine.blake3(bytes))}`, bytes);
    for (const { packed } of openSegment(body).packs) {
      for (let at = 0; at < packed.length; at += SAMPLE_EVERY * ENTRY_LENGTH) sample.push(packed.slice(at, at + 32));
    }
  }
  // In an order that has nothing to do with their places.
  sample.sort(Buffer.compare);
  writeFileSync(join(folder, SAMPLE), Buffer.concat(sample));
}

/** Straight into bytes: ten million objects would take longer than what is measured. */
function segmentBody({ client }: Repository, blobs: number, packBlobs: number): Uint8Array {
  const packs = Math.ceil(blobs / packBlobs);
  const writer = new ByteWriter(64 + packs * 57 + blobs * ENTRY_LENGTH);
  writer.u8(1).bytes(systemRandom.bytes(16)).u32(0).u32(0).u32(packs);
  for (let left = blobs; left > 0; left -= packBlobs) {
    const count = Math.min(left, packBlobs);
    writer.bytes(systemRandom.bytes(32)).u32(DEFAULT_PACK_TARGET).bytes(fromHex(client)).u8(1).u32(count);
    writer.bytes(entriesOf(count));
  }
  return writer.finish();
}

function entriesOf(count: number): Uint8Array {
  const entries = randomFillSync(new Uint8Array(count * ENTRY_LENGTH));
  const view = new DataView(entries.buffer);
  const length = Math.floor((DEFAULT_PACK_TARGET - 1024) / count);
  for (let i = 0; i < count; i++) {
    view.setUint8(i * ENTRY_LENGTH + 32, 1);
    view.setUint16(i * ENTRY_LENGTH + 33, 0, true);
    view.setUint32(i * ENTRY_LENGTH + 35, 24 + i * length, true);
    view.setUint32(i * ENTRY_LENGTH + 39, length, true);
  }
  return entries;
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

async function measure(folder: string, secret: Uint8Array, blobs: number): Promise<Figures> {
  const opened = await open(folder, secret);
  const cpu = cpuSeconds();
  const started = performance.now();
  const repository = await loadIndex(opened);
  const loadSeconds = (performance.now() - started) / 1000;
  const loadCpuSeconds = cpuSeconds() - cpu;
  const { index, packs, faults } = repository;
  if (index.size !== blobs || faults.length > 0) throw new Error(`${index.size} blobs, ${faults.length} faults`);
  const peakMiB = process.resourceUsage().maxRSS / 1024;
  const present = idsIn(readFileSync(join(folder, SAMPLE)));
  const absent = idsIn(systemRandom.bytes(present.length * 32));
  return {
    blobs,
    segments: Math.ceil(blobs / SEGMENT_BLOBS),
    packs: packs.length - 1,
    loadSeconds,
    loadCpuSeconds,
    bytesPerBlob: index.bytes / blobs,
    presentPerSecond: rate(present, (id) => index.has(id), true),
    absentPerSecond: rate(absent, (id) => index.has(id), false),
    placesPerSecond: rate(present, (id) => index.places(id).length === 1, true),
    peakMiB,
  };
}

function idsIn(bytes: Uint8Array): BlobId[] {
  return Array.from({ length: bytes.length / 32 }, (_, i) => blobId(bytes.slice(32 * i, 32 * i + 32)));
}

function rate(ids: readonly BlobId[], ask: (id: BlobId) => boolean, expected: boolean): number {
  const started = performance.now();
  let asked = 0;
  // As workers do: each id once.
  for (const id of ids) {
    if (ask(id) !== expected) throw new Error('a look-up went wrong');
    asked += 1;
  }
  return (asked / (performance.now() - started)) * 1000;
}

function print(figures: Figures): void {
  const whole = (value: number): string => Math.round(value).toLocaleString('en');
  const lines = [
    `blobs                   ${whole(figures.blobs)} in ${figures.segments} segments, ${whole(figures.packs)} packs`,
    `load                    ${figures.loadSeconds.toFixed(2)} s (CPU ${figures.loadCpuSeconds.toFixed(2)} s)`,
    `table                   ${figures.bytesPerBlob.toFixed(1)} bytes a blob`,
    `has, present            ${whole(figures.presentPerSecond)} a second`,
    `has, absent             ${whole(figures.absentPerSecond)} a second`,
    `places                  ${whole(figures.placesPerSecond)} a second`,
    `peak of the process     ${whole(figures.peakMiB)} MiB once loaded`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

const { values } = parseArgs({
  options: {
    blobs: { type: 'string', default: '10000000' },
    'pack-blobs': { type: 'string', default: '64' },
    json: { type: 'boolean', default: false },
    at: { type: 'string' },
    keep: { type: 'boolean', default: false },
    measure: { type: 'boolean', default: false },
  },
});
const blobs = Number(values.blobs);
// The same in both processes; it protects nothing.
const secret = new Uint8Array(32).fill(7);
if (values.measure && values.at !== undefined) {
  const figures = await measure(values.at, secret, blobs);
  if (values.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
  else print(figures);
} else {
  const home = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const folder = values.at ?? mkdtempSync(join(home, 'neo-index-'));
  try {
    if (!existsSync(join(folder, 'index'))) await make(folder, secret, blobs, Number(values['pack-blobs']));
    const args = [import.meta.filename, '--measure', '--at', folder, '--blobs', values.blobs];
    execFileSync(process.execPath, values.json ? [...args, '--json'] : args, { stdio: 'inherit' });
  } finally {
    if (!values.keep) rmSync(folder, { recursive: true, force: true });
  }
}
