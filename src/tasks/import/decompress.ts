/** Archives that are compressed as a whole, told by their first bytes. */
import { Readable } from 'node:stream';
import { messageOf, NeoError } from '../../core/errors.ts';
import { compressionOf, type Decompressor } from '../../engine/decompressor.ts';
import { ByteFeed } from './byte-feed.ts';

/** @throws NeoError usage for a format that is not read; failed, while it is read, for what is damaged */
export async function decompressed(pieces: AsyncIterable<Uint8Array>): Promise<ByteFeed> {
  const feed = new ByteFeed(pieces);
  const format = compressionOf(await feed.peek(6));
  if (format === undefined) return feed;
  if (format.stream === undefined) {
    throw new NeoError('usage', `the archive is compressed with ${format.name}, which is not read`, {
      hint: `such as: ${format.program} FILE | neo import -`,
    });
  }
  return new ByteFeed(through(feed, format.stream(), format.name));
}

async function* through(feed: ByteFeed, stream: Decompressor, name: string): AsyncGenerator<Uint8Array> {
  const input = Readable.from(feed, { objectMode: false });
  // What the source throws is thrown as it is.
  input.on('error', (error) => stream.destroy(error));
  try {
    yield* input.pipe(stream);
  } catch (error) {
    if (error instanceof NeoError) throw error;
    throw new NeoError('failed', `the archive cannot be decompressed (${name}): ${messageOf(error)}`, {
      hint: 'nothing was imported',
      cause: error,
    });
  } finally {
    input.destroy();
  }
}
