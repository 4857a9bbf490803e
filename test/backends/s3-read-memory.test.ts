import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { giveBackWhatIsRead, parserCopies } from '../../src/backends/s3/read-memory.ts';
import { pattern } from '../support/backend-suite.ts';

describe('memory that was read from a socket', () => {
  it('can be given back, for bodies are copied out of it', async () => {
    expect(await parserCopies()).toBe(true);
  });

  it('is given back, and bodies stay what they were, also when nobody reads them for a while', async () => {
    const body = pattern(20_000_000);
    const server = createServer((_, response) => void response.end(body)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    let large = 0;
    let left = 0;
    for (let n = 0; n < 3; n += 1) {
      const request = get({ port: (server.address() as AddressInfo).port });
      request.once('socket', (socket) => {
        giveBackWhatIsRead(socket);
        socket.on('data', (piece: Uint8Array) => {
          if (piece.length < 65_536) return;
          large += 1;
          setImmediate(() => {
            left += Math.sign(piece.byteLength);
          });
        });
      });
      const [answer] = await once(request, 'response');
      const pieces: Uint8Array[] = [];
      for await (const piece of answer) pieces.push(piece);
      expect(Buffer.concat(pieces).equals(body)).toBe(true);
    }
    server.close();
    // The first ones are left while it looks how the parser does it.
    expect(left).toBeLessThan(large / 2);
  });
});
