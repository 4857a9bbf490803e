/** JSON that a server sends a line at a time, as it comes. */
import type { Readable } from 'node:stream';
import { isNeoError, messageOf, NeoError } from '../../core/errors.ts';

/** Of a line: the server may be hostile. */
const MOST_LINE = 1 << 20;

/** @throws NeoError unreachable when it was cut off, failed for what is no such line */
export async function* linesOf(stream: Readable, doing: string): AsyncGenerator<unknown> {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  try {
    for await (const piece of stream as AsyncIterable<Uint8Array>) {
      const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MOST_LINE) throw new NeoError('failed', `cannot ${doing}: a line of more than ${MOST_LINE}`);
      for (const line of lines) yield parsed(line, doing);
    }
  } catch (error) {
    if (isNeoError(error)) throw error;
    throw new NeoError('unreachable', `cannot ${doing}: ${messageOf(error)}`, { cause: error });
  }
}

function parsed(line: string, doing: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new NeoError('failed', `cannot ${doing}: the server answers something else than JSON`, { cause });
  }
}
