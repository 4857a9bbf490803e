/** What lies between a client and its server. */
import { startCuttingProxy } from '../test/support/cutting-proxy.ts';

export interface Line {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Without a delay there is nothing between: a proxy would take a core of its own.
 * @param delay of each way, milliseconds
 */
export async function lineTo(port: number, delay: number): Promise<Line> {
  return delay === 0 ? { port, stop: async () => undefined } : startCuttingProxy(port, delay);
}
