/** Where an operation goes: over the one channel, or over one of several where a channel holds up the line. */
import type { RateLimits } from '../rate-limit.ts';
import type { Pipe } from './channel.ts';
import { SftpConnection } from './connection.ts';
import type { SftpFiles } from './files.ts';

export interface Lines {
  /** Connects. */
  readonly first: () => Promise<Pipe>;
  /** Another channel over that connection; undefined where there can be none. */
  readonly another: () => Pipe | undefined;
}

/** Channels: each opens a session of ssh, of which servers allow 10. */
const MOST = 4;
/** Bytes of an operation that may have a channel of its own. */
const LARGE = 256 << 10;
/** Bytes under way that fill a channel. */
const FULL = 2 << 20;
/** Milliseconds to the server and back from which a full channel is slower than most lines. */
const FAR = 5;
/** After that many failures in a row no other channels are asked for. */
const REFUSED = 3;

interface Lane {
  readonly connection: SftpConnection;
  /** Bytes of the operations under way. */
  load: number;
  /** It could not be had. */
  isClosed: boolean;
}

export class SftpLanes {
  readonly #first: Lane;
  readonly #another: Lines['another'];
  readonly #limits: RateLimits;
  readonly #more: Lane[] = [];
  #failures = 0;

  constructor({ first, another }: Lines, limits: RateLimits = {}) {
    this.#first = { connection: new SftpConnection(first, limits), load: 0, isClosed: false };
    this.#another = another;
    this.#limits = limits;
  }

  /**
   * @param bytes that it sends or fetches
   * @throws NeoError unreachable, permission-denied; whatever `work` throws
   */
  async use<T>(bytes: number, work: (files: SftpFiles) => Promise<T>): Promise<T> {
    const lane = bytes < LARGE ? this.#first : this.#pick();
    lane.load += bytes;
    try {
      return await work(await this.#filesOf(lane));
    } finally {
      lane.load -= bytes;
    }
  }

  #pick(): Lane {
    const open = this.#more.filter(({ isClosed }) => !isClosed);
    const least = open.reduce((best, lane) => (lane.load < best.load ? lane : best), this.#first);
    const { roundTrip } = this.#first.connection;
    const isFull = least.load >= FULL && roundTrip >= FAR;
    if (!isFull || open.length + 1 >= MOST || this.#failures >= REFUSED) return least;
    const lane = {
      connection: new SftpConnection(async () => this.#another(), this.#limits),
      load: 0,
      isClosed: false,
    };
    this.#more.push(lane);
    return lane;
  }

  async #filesOf(lane: Lane): Promise<SftpFiles> {
    const first = await this.#first.connection.files();
    if (lane === this.#first) return first;
    try {
      const files = await lane.connection.files();
      this.#failures = 0;
      return files;
    } catch {
      this.#failures += 1;
      lane.isClosed = true;
      return first;
    }
  }

  /** The others first, also what was had in a second attempt: the connection ends with the last of them. */
  async close(): Promise<void> {
    await Promise.all(this.#more.map(({ connection }) => connection.close()));
    await this.#first.connection.close();
  }
}
