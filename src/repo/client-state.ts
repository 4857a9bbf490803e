/** What a client keeps of its own beside the repository. All of it may be lost: that costs time or vigilance, never data. */
import type { ObjectCache } from './object-cache.ts';

export interface ClientState {
  /** Undefined when there is none. Names are of the characters `a-z 0-9 . -`. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Replaces the whole. A failure is reported and survived by the caller. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** For what lies in remote storage. */
  readonly objects?: ObjectCache | undefined;
  /** The user has said that the repository is to be taken as it is, whatever was seen before. */
  readonly acceptsRollback?: boolean;
}

/** Lives as long as the process: tests, and clients that keep nothing. */
export class MemoryState implements ClientState {
  readonly #files: Map<string, Uint8Array>;

  constructor(files: Iterable<readonly [string, Uint8Array]> = []) {
    this.#files = new Map(files);
  }

  clone(): MemoryState {
    return new MemoryState(this.#files);
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    return this.#files.get(name);
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    this.#files.set(name, bytes);
  }
}
