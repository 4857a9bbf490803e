/** One connection at a time: made for the first operation, and anew for the next one after it broke. */
import { NeoError } from '../../core/errors.ts';
import type { RateLimits } from '../rate-limit.ts';
import { type Pipe, SftpChannel } from './channel.ts';
import { SftpFiles } from './files.ts';

/** Undefined where there can be none. */
type Start = () => Promise<Pipe | undefined>;

export class SftpConnection {
  readonly #start: Start;
  readonly #limits: RateLimits;
  #current: Promise<SftpFiles> | undefined;
  #latest: SftpFiles | undefined;

  constructor(start: Start, limits: RateLimits = {}) {
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
    this.#latest = await this.#current;
    return this.#latest;
  }

  /** Milliseconds that the fastest answer took; 0 before there was any. */
  get roundTrip(): number {
    return this.#latest?.roundTrip ?? 0;
  }

  async close(): Promise<void> {
    const files = await this.#current?.catch(() => undefined);
    if (files?.isBroken === false) await files.close();
  }
}

async function connect(start: Start, limits: RateLimits): Promise<SftpFiles> {
  const pipe = await start();
  if (pipe === undefined) throw new NeoError('unreachable', 'there is no other channel');
  return new SftpFiles(await SftpChannel.open(pipe), limits);
}
