/** One connection at a time, made anew for the next operation after it broke. */
import type { RateLimits } from '../rate-limit.ts';
import { type Pipe, SftpChannel } from './channel.ts';
import { SftpFiles } from './files.ts';

export class SftpConnection {
  readonly #start: () => Pipe;
  readonly #limits: RateLimits;
  #current: Promise<SftpFiles>;

  private constructor(start: () => Pipe, limits: RateLimits, first: SftpFiles) {
    this.#start = start;
    this.#limits = limits;
    this.#current = Promise.resolve(first);
  }

  /** @throws NeoError unreachable, permission-denied */
  static async open(start: () => Pipe, limits: RateLimits = {}): Promise<SftpConnection> {
    return new SftpConnection(start, limits, await connect(start, limits));
  }

  /** To be asked for at each step: what is under way on a connection that breaks fails. @throws as {@link open} */
  async files(): Promise<SftpFiles> {
    const seen = this.#current;
    const files = await seen.catch(() => undefined);
    if (files !== undefined && !files.isBroken) return files;
    // Of all that find it broken one makes the next.
    if (this.#current === seen) this.#current = connect(this.#start, this.#limits);
    return this.#current;
  }

  async close(): Promise<void> {
    const files = await this.#current.catch(() => undefined);
    if (files?.isBroken === false) await files.close();
  }
}

async function connect(start: () => Pipe, limits: RateLimits): Promise<SftpFiles> {
  return new SftpFiles(await SftpChannel.open(start()), limits);
}
