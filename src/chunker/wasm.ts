/** The fast chunker: loads wasm/build/chunker.wasm (source: wasm/chunker.ts) and gives it the Chunker contract. */
import { readFileSync } from 'node:fs';
import { ownFile } from '../core/program-files.ts';
import { type Chunker, type ChunkerOptions, checkOptions, checkRange, decisionMasks } from './chunker.ts';

/** The part of the global that is used here; TypeScript has it only in its DOM library. */
declare const WebAssembly: {
  readonly Module: new (binary: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  gear(): number;
  buffer(): number;
  setup(min: number, average: number, max: number, small: number, large: number, sip0: bigint, sip1: bigint): void;
  cut(from: number, to: number, final: number): number;
}

const PAGE = 65_536;
let installed: object | undefined;

/**
 * A chunker with memory of its own (one for each thread or concurrent input). `binary` is the content of chunker.wasm
 * where there is no file system (a browser); else it is read from the package, once.
 * @throws NeoError usage when parameters, key material or capacity are not of their size
 */
export function createChunker(options: ChunkerOptions, binary?: Uint8Array): Chunker {
  checkOptions(options);
  const { parameters, capacity } = options;
  const { min, average, max } = parameters;
  const module = binary === undefined ? packagedModule() : new WebAssembly.Module(binary);
  // The exports are those of the source beside it; a test compares the built file with it.
  const wasm = new WebAssembly.Instance(module).exports as Exports;
  const start = wasm.buffer();
  const missing = start + capacity - wasm.memory.buffer.byteLength;
  if (missing > 0) wasm.memory.grow(Math.ceil(missing / PAGE));
  new Uint8Array(wasm.memory.buffer, wasm.gear(), 2048).set(options.gear);
  const sip = new DataView(options.sip.buffer, options.sip.byteOffset, 16);
  const masks = decisionMasks(average);
  wasm.setup(min, average, max, masks.small, masks.large, sip.getBigUint64(0, true), sip.getBigUint64(8, true));

  return {
    parameters,
    buffer: new Uint8Array(wasm.memory.buffer, start, capacity),
    cut(from, to, final) {
      checkRange(from, to, capacity);
      return wasm.cut(from, to, final ? 1 : 0);
    },
  };
}

function packagedModule(): object {
  installed ??= new WebAssembly.Module(readFileSync(ownFile('wasm/build/chunker.wasm')));
  return installed;
}
