/** Streams that other programs have compressed, told by their first bytes. */
import * as zlib from 'node:zlib';

export type Decompressor = zlib.Gunzip;

export interface Compression {
  readonly name: string;
  readonly magic: readonly number[];
  /** Undefined where this program cannot. */
  readonly stream: (() => Decompressor) | undefined;
  /** That does it outside. */
  readonly program: string;
}

const FORMATS: readonly Compression[] = [
  { name: 'gzip', magic: [0x1f, 0x8b], stream: () => zlib.createGunzip(), program: 'gzip -dc' },
  { name: 'zstd', magic: [0x28, 0xb5, 0x2f, 0xfd], stream: zstd(), program: 'zstd -dc' },
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], stream: undefined, program: 'xz -dc' },
  { name: 'bzip2', magic: [0x42, 0x5a, 0x68], stream: undefined, program: 'bzip2 -dc' },
];

/** Not in each version of Node that may run this. */
function zstd(): Compression['stream'] {
  return 'createZstdDecompress' in zlib ? () => zlib.createZstdDecompress() : undefined;
}

/** Undefined for what is not compressed. @param start six bytes, or all of them */
export function compressionOf(start: Uint8Array): Compression | undefined {
  return FORMATS.find(({ magic }) => magic.every((byte, at) => start[at] === byte));
}
