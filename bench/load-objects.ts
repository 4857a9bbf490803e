/** Objects as a server knows them: bytes that nobody can compress, by the name that they must have. */
import { toHex } from '../src/core/bytes.ts';
import { loadEngine } from '../src/engine/load.ts';
import { Seeded } from './seeded.ts';

export interface LoadObject {
  readonly path: string;
  readonly bytes: Uint8Array;
}

const engine = await loadEngine();

export function makePack(seed: string, length: number): LoadObject {
  const bytes = new Seeded(seed).bytes(length);
  const name = toHex(engine.blake3(bytes));
  return { path: `packs/${name.slice(0, 2)}/${name}`, bytes };
}

/** @throws Error when it is another one */
export function requireSame({ path, bytes }: LoadObject, got: Uint8Array | undefined): void {
  if (got === undefined) throw new Error(`${path} is not there`);
  if (Buffer.compare(got, bytes) !== 0) throw new Error(`${path} came back with other bytes`);
}
