/** One connection at a time: made for the first operation, and anew for the next one after it broke. */
import type { RateLimits } from '../rate-limit.ts';
import { type Pipe, SftpChannel } from './channel.ts';
import { SftpFiles } from './files.ts';

export class SftpConnection {
  readonly #start: () => Pipe;
  readonly #limits: RateLimits;
  #current: Promise<SftpFiles> | undefined;

  constructor(start: () => Pipe, limits: RateLimits = {}) {
    this.#start = start;
    this.#limits = limits;
  }

  /**
   * To be asked for at each step: what is under way on a connection that breaks fails.
   * @throws NeoError unreachable, permission-denied
   */
  async files(): Promise<SftpFiles> {
    const seen = this.#current;
    const files = await seen?.catch(() => undefined);
    if (files !== undefined && !files.isBroken) return files;
    // Of all that find it broken one makes the next.
    if (this.#current === undefined || this.#current === seen) this.#current = connect(this.#start, this.#limits);
    return this.#current;
  }

  async close(): Promise<void> {
    const files = await this.#current?.catch(() => undefined);
    if (files?.isBroken === false) await files.close();
  }
}

async function connect(start: () => Pipe, limits: RateLimits): Promise<SftpFiles> {
  return new SftpFiles(await SftpChannel.open(start()), limits);
}
