/** hash-wasm's BLAKE3 alone: a tenth of the whole package, which every worker would have to load. */
declare module 'hash-wasm/dist/blake3.umd.min.js' {
  const hashWasm: Pick<typeof import('hash-wasm'), 'createBLAKE3'>;
  export default hashWasm;
}
