/**
 * What each engine does in a second, on one core: `node bench/engine.ts`. With `--limits`, which levels zstd-codec can
 * compress at which lengths before its memory ends (the table in src/engine/portable-zstd.ts).
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { contentKey } from '../src/core/ids.ts';
import { systemRandom } from '../src/core/random.ts';
import { openBlob, sealBlob, sealBlobInto } from '../src/engine/aead.ts';
import { encodePayload } from '../src/engine/codec.ts';
import type { Engine } from '../src/engine/engine.ts';
import { blobIdOf, contentKeyOf } from '../src/engine/keys.ts';
import { createNativeEngine } from '../src/engine/native.ts';
import { createPortableEngine } from '../src/engine/portable.ts';

const BLOB = 256 * 1024;
const SECRET = new Uint8Array(32).fill(3);
/** The program that runs this: real machine code and constant data, cut into blobs. */
const binary = readFileSync(process.execPath).subarray(20 << 20, 52 << 20);
const blobs = Array.from({ length: 32 }, (_, i) => binary.subarray(i * BLOB, (i + 1) * BLOB));
const random = blobs.map(() => randomBytes(BLOB));

/** MiB/s of the best of five rounds, each at least 100 ms. */
function rate(inputs: readonly Uint8Array[], run: (bytes: Uint8Array, i: number) => unknown): number {
  let best = 0;
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    let bytes = 0;
    for (let i = 0; performance.now() - start < 100; i = (i + 1) % inputs.length) {
      const input = inputs[i] ?? SECRET;
      run(input, i);
      bytes += input.length;
    }
    best = Math.max(best, bytes / 1048.576 / (performance.now() - start));
  }
  return Math.round(best);
}

/** MiB/s of plaintext, of one engine. */
function measure(engine: Engine): Record<string, number> {
  const key = contentKey(contentKeyOf(engine, SECRET, SECRET));
  const seal = (suite: 'aes-256-gcm' | 'chacha20-poly1305') => (bytes: Uint8Array) =>
    sealBlob(engine, suite, 1, key, bytes, 0, bytes.length, systemRandom);
  const pack = new Uint8Array(2 * BLOB);
  const payloads = blobs.map((bytes) => encodePayload(engine, bytes, 3));
  const frames = blobs.map((bytes) => engine.compress(bytes, 3));
  const sealed = payloads.map(({ payload, codec }) =>
    sealBlob(engine, 'aes-256-gcm', 1, key, payload, codec, BLOB, systemRandom),
  );
  const sealedRaw = blobs.map(seal('aes-256-gcm'));
  return {
    'BLAKE3 keyed': rate(blobs, (bytes) => engine.blake3(bytes, SECRET)),
    'seal AES-GCM': rate(blobs, seal('aes-256-gcm')),
    'seal ChaCha20': rate(blobs, seal('chacha20-poly1305')),
    'seal AES-GCM in place': rate(blobs, (bytes) =>
      sealBlobInto(engine, 'aes-256-gcm', 1, key, bytes, 0, bytes.length, systemRandom, pack, 1000),
    ),
    'open AES-GCM': rate(blobs, (_, i) => openBlob(engine, 1, key, sealedRaw[i] ?? SECRET)),
    'compress -1': rate(blobs, (bytes) => engine.compress(bytes, 1)),
    'compress -3': rate(blobs, (bytes) => engine.compress(bytes, 3)),
    'compress -3 random': rate(random, (bytes) => engine.compress(bytes, 3)),
    'payload -3 random': rate(random, (bytes) => encodePayload(engine, bytes, 3)),
    decompress: rate(blobs, (bytes, i) => engine.decompress(frames[i] ?? SECRET, bytes.length)),
    'open + decompress': rate(blobs, (_, i) => openBlob(engine, 1, key, sealed[i] ?? SECRET)),
    'hash+id+compress+seal': rate(blobs, (bytes) => {
      const own = contentKeyOf(engine, SECRET, bytes);
      blobIdOf(engine, own);
      const { codec, payload } = encodePayload(engine, bytes, 3);
      sealBlob(engine, 'aes-256-gcm', 1, own, payload, codec, bytes.length, systemRandom);
    }),
  };
}

interface Codec {
  compress(target: object, source: object, level: number): number;
  compressBound(length: number): number;
}
interface Binding {
  onRuntimeInitialized: () => void;
  readonly print: () => void;
  readonly printErr: () => void;
  VectorU8: new () => { resize(length: number, value: number): void };
  ZstdCodec: new () => Codec;
  cloneToVector(vector: object, bytes: Uint8Array): void;
}

/** A fresh module; boxed, because the module has a `then` of its own that never ends when awaited. */
function freshModule(): Promise<{ readonly binding: Binding }> {
  const start: (module: object) => void = createRequire(import.meta.url)('zstd-codec/lib/zstd-codec-binding-wasm.js');
  return new Promise((resolve) => {
    const quiet = () => undefined;
    const binding = {
      print: quiet,
      printErr: quiet,
      onRuntimeInitialized: () => resolve({ binding: binding as Binding }),
    };
    start(binding);
  });
}

async function compresses(bytes: Uint8Array, level: number): Promise<boolean> {
  const { binding } = await freshModule();
  const codec = new binding.ZstdCodec();
  try {
    const source = new binding.VectorU8();
    const target = new binding.VectorU8();
    binding.cloneToVector(source, bytes);
    target.resize(codec.compressBound(bytes.length), 0);
    return codec.compress(target, source, level) >= 0;
  } catch {
    return false; // out of memory: this module is dead
  }
}

async function limits(): Promise<void> {
  const lengths = [256, 512, 768, 1024, 1536, 2048, 3072, 4096];
  console.log(`level  ${lengths.map((kib) => `${kib}K`.padStart(6)).join('')}`);
  for (let level = 1; level <= 22; level++) {
    const row: string[] = [];
    for (const kib of lengths) {
      const ok = await compresses(binary.subarray(0, kib * 1024), level);
      row.push((ok ? 'yes' : '-').padStart(6));
    }
    console.log(`${String(level).padStart(5)}  ${row.join('')}`);
  }
}

if (process.argv.includes('--limits')) {
  await limits();
} else {
  const native = measure(await createNativeEngine());
  const portable = measure(await createPortableEngine());
  console.log('MiB/s on 256 KiB blobs'.padEnd(26), 'native'.padStart(8), 'portable'.padStart(9));
  for (const [name, value] of Object.entries(native)) {
    console.log(name.padEnd(26), String(value).padStart(8), String(portable[name] ?? 0).padStart(9));
  }
}
