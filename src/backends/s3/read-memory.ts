/**
 * Node's parser of HTTP copies each piece of a body out of the memory that was read from the socket. That memory is given back at
 * once: left to the garbage collector it costs a third of a check's CPU (docs/decisions/0026-own-client-for-buckets.md).
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { DISCARDED_FROM, discard } from '../../core/bytes.ts';

const watched = new WeakSet<Socket>();
/** Undefined: nobody has looked yet. False also while somebody looks. */
let isCopied: boolean | undefined;

export function giveBackWhatIsRead(socket: Socket): void {
  if (watched.has(socket)) return;
  watched.add(socket);
  socket.on('data', (piece: Uint8Array) => {
    if (piece.length < DISCARDED_FROM) return;
    // When all have had it, the parser as well.
    if (isCopied === true) queueMicrotask(() => discard(piece));
    if (isCopied !== undefined) return;
    isCopied = false;
    parserCopies().then(
      (copied) => {
        isCopied = copied;
      },
      () => undefined,
    );
  });
}

/** Nobody promises it: a parser that hands out parts of what was read would be faster, and its bodies lie there. */
export async function parserCopies(): Promise<boolean> {
  const read = new TextEncoder().encode('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx');
  const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  const request = process.getBuiltinModule('node:http').request({ createConnection: () => socket });
  request.on('error', () => undefined).end();
  socket.push(Buffer.from(read.buffer));
  try {
    const [answer] = await once(request, 'response');
    const [piece] = await once(answer, 'data');
    return piece.buffer !== read.buffer;
  } finally {
    socket.destroy();
  }
}
