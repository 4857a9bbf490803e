/** One connection at a time, made anew for the next operation after it broke. */
import { type Pipe, SftpChannel } from './channel.ts';
import { SftpFiles } from './files.ts';

export class SftpConnection {
  readonly #start: () => Pipe;
  #current: Promise<SftpFiles>;

  private constructor(start: () => Pipe, first: SftpFiles) {
    this.#start = start;
    this.#current = Promise.resolve(first);
  }

  /** @throws NeoError unreachable, permission-denied */
  static async open(start: () => Pipe): Promise<SftpConnection> {
    return new SftpConnection(start, await connect(start));
  }

  /** To be asked for at each step: what is under way on a connection that breaks fails. @throws as {@link open} */
  async files(): Promise<SftpFiles> {
    const seen = this.#current;
    const files = await seen.catch(() => undefined);
    if (files !== undefined && !files.isBroken) return files;
    // Of all that find it broken one makes the next.
    if (this.#current === seen) this.#current = connect(this.#start);
    return this.#current;
  }

  async close(): Promise<void> {
    const files = await this.#current.catch(() => undefined);
    if (files?.isBroken === false) await files.close();
  }
}

async function connect(start: () => Pipe): Promise<SftpFiles> {
  return new SftpFiles(await SftpChannel.open(start()));
}
