/** What a repository is to be like, checked before anything is made. */
import { type ChunkerParameters, checkParameters } from '../chunker/chunker.ts';
import { NeoError } from '../core/errors.ts';
import type { Engine } from '../engine/engine.ts';

/** What the maker of a repository may choose; absent is the default. */
export interface RepositoryWishes {
  readonly chunker?: ChunkerParameters;
  /** Bytes. */
  readonly packTarget?: number;
  /** zstd level, 0 to 22. */
  readonly compression?: number;
}

/** Smaller ones make too many objects; the format allows no larger ones. */
const PACK_BOUNDS = { min: 1 << 20, max: 64 << 20 } as const;

/**
 * The wishes as this engine can fulfil them: a compression level above its highest is lowered, which is said by `note`.
 * @throws NeoError usage when they are out of bounds
 */
export function checkWishes<W extends RepositoryWishes>(
  engine: Pick<Engine, 'name' | 'maxCompressionLevel'>,
  wishes: W,
  note: (message: string) => void,
): W {
  if (wishes.chunker !== undefined) checkParameters(wishes.chunker);
  const pack = wishes.packTarget;
  if (pack !== undefined && (pack < PACK_BOUNDS.min || pack > PACK_BOUNDS.max)) {
    throw new NeoError('usage', `a pack size of ${pack} bytes is out of bounds`, {
      hint: 'choose from 1M to 64M; the default is 16M',
    });
  }
  const highest = engine.maxCompressionLevel;
  if (wishes.compression === undefined || wishes.compression <= highest) return wishes;
  note(`the ${engine.name} engine compresses up to level ${highest}: ${highest} in place of ${wishes.compression}`);
  return { ...wishes, compression: highest };
}
