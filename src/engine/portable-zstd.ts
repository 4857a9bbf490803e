/**
 * zstd by zstd-codec (zstd 1.3 in a fixed WebAssembly memory of 16 MiB). When that memory is exhausted the module is
 * dead for good, so nothing is asked of it that could: frames are checked first, and the level falls with the length.
 */
import zstdCodec from 'zstd-codec';
import { NeoError } from '../core/errors.ts';
import type { Engine } from './engine.ts';
import { checkFrame, checkFrameContent, storedFrame } from './frame.ts';

/** Safe up to 2 MiB, which is above every chunk at the default parameters. */
export const PORTABLE_MAX_LEVEL = 9;

/**
 * Measured by trying each level on each length in a fresh module (bench/engine.ts --limits): from the second number of
 * bytes on, memory runs out. The context depends on length and level alone, not on content.
 */
const SAFE_LEVELS = [
  { upTo: 2 << 20, level: PORTABLE_MAX_LEVEL },
  { upTo: 3 << 20, level: 8 },
  { upTo: 4 << 20, level: 5 },
] as const;

function safeLevel(length: number, level: number): number {
  const limit = SAFE_LEVELS.find(({ upTo }) => length <= upTo)?.level ?? 1;
  return Math.max(1, Math.min(level, limit));
}

export async function createPortableZstd(): Promise<Pick<Engine, 'compress' | 'decompress'>> {
  const codec = await new Promise<InstanceType<Parameters<Parameters<typeof zstdCodec.ZstdCodec.run>[0]>[0]['Simple']>>(
    (resolve) => zstdCodec.ZstdCodec.run((zstd) => resolve(new zstd.Simple())),
  );
  return {
    compress(bytes, level) {
      checkFrameContent(bytes);
      // It compresses nothing to something that it cannot read.
      if (bytes.length === 0) return storedFrame(bytes);
      return codec.compress(bytes, safeLevel(bytes.length, level)) ?? storedFrame(bytes);
    },

    decompress(frame, plainLength) {
      checkFrame(frame, plainLength);
      if (plainLength === 0) return new Uint8Array(0);
      const plain = codec.decompress(frame);
      if (plain?.length !== plainLength) throw new NeoError('integrity', 'damaged zstd frame');
      return plain;
    },
  };
}
