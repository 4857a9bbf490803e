/** A line between a client and a server that is cut, or long: it counts what goes over it. */
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

/** @param delay of each way, milliseconds; as wide as is asked for */
export async function startCuttingProxy(target: number, delay = 0): Promise<CuttingProxy> {
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
      // Small packets are not held back for others: ssh does not either.
      socket.setNoDelay(true);
      socket.on('error', end).on('close', end);
    }
    carryOver(server, client, delay);
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
      send(client, server, chunk, delay);
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

function carryOver(from: Socket, to: Socket, delay: number): void {
  from.on('data', (chunk: Buffer) => send(from, to, chunk, delay));
  from.on('end', () => setTimeout(() => to.end(), delay));
}

/** Timers of one length go off in the order in which they were set. */
function send(from: Socket, to: Socket, chunk: Buffer, delay: number): void {
  const write = (): void => {
    if (to.destroyed || to.write(chunk) || from.isPaused()) return;
    from.pause();
    to.once('drain', () => from.resume());
  };
  if (delay === 0) write();
  else setTimeout(write, delay);
}
