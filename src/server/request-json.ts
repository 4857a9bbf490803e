/** The body of a request that is JSON, within bounds. */
import { ByteWriter } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';

/** @param most bytes: all of it is in memory. @throws NeoError usage */
export async function readJson(body: AsyncIterable<Uint8Array>, most: number): Promise<unknown> {
  const text = new ByteWriter();
  for await (const piece of body) {
    text.bytes(piece);
    if (text.length > most) throw new NeoError('usage', `a request of more than ${most} bytes`);
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text.finish()));
  } catch (cause) {
    throw new NeoError('usage', 'the request is not JSON', { cause });
  }
}
