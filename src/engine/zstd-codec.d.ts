/** The part of zstd-codec (no types of its own) that the portable engine uses. */
declare module 'zstd-codec' {
  interface Simple {
    /** null on failure; aborts the whole module when its 16 MiB are exhausted. */
    compress(bytes: Uint8Array, level: number): Uint8Array | null;
    /** null for damaged frames, and for empty ones. */
    decompress(frame: Uint8Array): Uint8Array | null;
  }
  interface Zstd {
    readonly Simple: new () => Simple;
  }
  const codec: { readonly ZstdCodec: { run(ready: (zstd: Zstd) => void): void } };
  export default codec;
}
