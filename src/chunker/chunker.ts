/** Content-defined chunking: a pure function of (bytes, key, parameters). */
export interface ChunkerParameters {
  /** Bytes; 64 ≤ min ≤ average ≤ max; average a power of two. */
  readonly min: number;
  readonly average: number;
  readonly max: number;
}

export interface Chunker {
  readonly parameters: ChunkerParameters;
  /** Memory to read input into; `capacity` bytes as asked for, at least `max`. */
  readonly buffer: Uint8Array;
  /**
   * Length of the chunk that starts at `buffer[from]`, looking no further than `buffer[to]`. Returns 0 when the cut
   * may lie beyond `to` (then move the rest to the front, read more, ask again); with `final` never 0 while from < to.
   */
  cut(from: number, to: number, final: boolean): number;
}
