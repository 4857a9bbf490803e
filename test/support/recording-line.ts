/** A line between a client and a server of which all that goes over it is kept, both ways. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface RecordingLine extends AsyncDisposable {
  readonly port: number;
  readonly recorded: () => Buffer;
}

export async function startRecordingLine(target: number): Promise<RecordingLine> {
  const parts: Buffer[] = [];
  const open = new Set<Socket>();
  const line = createServer((client) => {
    const server = connect(target, '127.0.0.1');
    const both = [client, server];
    const end = (): void => {
      for (const socket of both) {
        socket.destroy();
        open.delete(socket);
      }
    };
    for (const socket of both) {
      open.add(socket);
      socket
        .on('data', (part: Buffer) => parts.push(part))
        .on('error', end)
        .on('close', end);
    }
    client.pipe(server);
    server.pipe(client);
  });
  line.listen(0, '127.0.0.1');
  await once(line, 'listening');
  return {
    port: (line.address() as AddressInfo).port,
    recorded: () => Buffer.concat(parts),
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      line.close();
      await once(line, 'close');
    },
  };
}
