/** The chunker of a repository, with memory for reading. */
import type { Chunker, ChunkerParameters } from '../../chunker/chunker.ts';
import { createChunker } from '../../chunker/wasm.ts';
import { utf8 } from '../../core/bytes.ts';
import type { Engine } from '../../engine/engine.ts';

const READ_BYTES = 4 << 20;

/** `key`: the repository's chunker key. */
export function cutterFor(engine: Engine, key: Uint8Array, parameters: ChunkerParameters): Chunker {
  return createChunker({
    gear: engine.hkdf(key, utf8('neo/v1 chunker.gear\0'), 2048),
    sip: engine.hkdf(key, utf8('neo/v1 chunker.sip\0'), 16),
    parameters,
    capacity: Math.max(READ_BYTES, 2 * parameters.max),
  });
}
