/** A line between a client and a server that is cut: it counts what goes over it. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly port: number;
  /** Bytes from the client to the server. */
  readonly sent: number;
  readonly cuts: number;
  readonly connections: number;
  /** Of what comes after now; the n-th cut is after `gaps[n]` more bytes from the client. */
  cutAfter(gaps: readonly number[]): void;
  stop(): Promise<void>;
}

export async function startCuttingProxy(target: number): Promise<CuttingProxy> {
  const open = new Set<Socket>();
  const state = { sent: 0, cuts: 0, connections: 0, gaps: [] as number[] };
  const carry = (client: Socket): void => {
    const server = connect(target, '127.0.0.1');
    state.connections += 1;
    const both = [client, server];
    const end = (): void => {
      for (const socket of both) {
        socket.destroy();
        open.delete(socket);
      }
    };
    for (const socket of both) {
      open.add(socket);
      socket.on('error', end).on('close', end);
    }
    server.pipe(client);
    client.on('data', (chunk: Buffer) => {
      state.sent += chunk.length;
      const [gap] = state.gaps;
      if (gap !== undefined && chunk.length >= gap) {
        state.gaps.shift();
        state.cuts += 1;
        end();
        return;
      }
      if (gap !== undefined) state.gaps[0] = gap - chunk.length;
      if (!server.write(chunk)) {
        client.pause();
        server.once('drain', () => client.resume());
      }
    });
  };
  const proxy = createServer(carry);
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    port: (proxy.address() as AddressInfo).port,
    get sent() {
      return state.sent;
    },
    get cuts() {
      return state.cuts;
    },
    get connections() {
      return state.connections;
    },
    cutAfter(gaps) {
      state.gaps = [...gaps];
    },
    async stop() {
      for (const socket of open) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
