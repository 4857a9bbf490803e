/** A line to a server that counts what goes over it, can be down, and may lead to another one later. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Line extends AsyncDisposable {
  readonly port: number;
  /** Bytes, both ways. */
  readonly bytes: number;
  /** Cuts what is under way; nobody gets through until it is {@link up}. */
  down(): void;
  up(target?: number): void;
  /** Cuts all once, as soon as so many more bytes went over it. */
  cutAfter(bytes: number): void;
}

export async function startLine(to: number): Promise<Line> {
  const open = new Set<Socket>();
  let [target, isDown, bytes, cutAt] = [to, false, 0, Number.POSITIVE_INFINITY];
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  const line = createServer((client) => {
    if (isDown) return void client.destroy();
    const server = connect(target, '127.0.0.1');
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      open.add(one);
      one.setNoDelay(true);
      one.on('data', (part) => {
        bytes += part.length;
        if (bytes < cutAt) return;
        cutAt = Number.POSITIVE_INFINITY;
        cut();
      });
      one.pipe(other);
      one
        .on('error', () => other.destroy())
        .on('close', () => {
          open.delete(one);
          other.destroy();
        });
    }
  });
  line.listen(0, '127.0.0.1');
  await once(line, 'listening');
  return {
    port: (line.address() as AddressInfo).port,
    get bytes() {
      return bytes;
    },
    down() {
      isDown = true;
      cut();
    },
    up(other = target) {
      isDown = false;
      target = other;
    },
    cutAfter(more) {
      cutAt = bytes + more;
    },
    async [Symbol.asyncDispose]() {
      cut();
      line.close();
      await once(line, 'close');
    },
  };
}
