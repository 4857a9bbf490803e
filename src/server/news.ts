/**
 * What happens on a server, as it happens, for those who watch: lines of JSON, to each reader as fast as it takes them. Whoever is too slow misses the
 * oldest, and is told how many; nobody waits for him. While nobody reads nothing is kept, nor written.
 */
import type { Clock } from '../core/clock.ts';
import { Bell, LOOK_MS, type Waiter } from './bell.ts';
import type { Change, Origin } from './changes.ts';
import type { Pieces } from './handler.ts';
import { type Log, makeLog } from './log.ts';

/** Characters that wait for one reader, at most; and one line more. */
const MOST_WAITING = 256 << 10;
/** Milliseconds after which whoever reads is told that nothing happened: dead lines are found by that. */
const HEARTBEAT_MS = 15_000;

export class News {
  readonly #readers = new Set<Reader>();
  readonly #clock: Clock;
  readonly #heartbeat: number;
  readonly #log: Log;

  /** @param idle milliseconds after which whoever carries the lines gives up one on which nothing moves */
  constructor(clock: Clock, idle: number = Number.POSITIVE_INFINITY) {
    this.#clock = clock;
    this.#heartbeat = Math.min(HEARTBEAT_MS, idle / 4);
    // Held back as in the log itself.
    this.#log = makeLog({ level: 'info', form: 'json', write: (line) => this.#tell(line), clock }).log;
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** What is said to a log is told here, too. */
  alsoTo(log: Log): Log {
    return (event, detail) => {
      log(event, detail);
      if (this.#readers.size > 0) this.#log(event, detail);
    };
  }

  object([action, path, size]: Change, { account, target, by }: Origin): void {
    if (this.#readers.size === 0) return;
    this.#tell(lineOf({ time: this.#now(), event: 'object', account, target, action, path, size, by }));
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }

  #tell(line: string): void {
    for (const reader of this.#readers) reader.add(line);
  }

  /**
   * All that happens after its first line, until whoever reads has gone, or the server ends.
   * @param facts of the server, for the first line
   * @throws NeoError when the right to it has ended
   */
  async *read(facts: Readonly<Record<string, unknown>>, { again, gone }: Waiter): Pieces {
    const reader = new Reader();
    this.#readers.add(reader);
    try {
      yield encoded(lineOf({ time: this.#now(), event: 'watching', ...facts }));
      let last = performance.now();
      while (!gone.aborted) {
        await again();
        const isSilent = performance.now() - last >= this.#heartbeat;
        const text = reader.take() ?? (isSilent ? lineOf({ time: this.#now(), event: 'alive' }) : undefined);
        if (text === undefined) {
          await reader.bell.wait(Math.min(LOOK_MS, this.#heartbeat), gone);
          continue;
        }
        last = performance.now();
        yield encoded(text);
      }
      await again();
      // That the server ends.
      const rest = reader.take();
      if (rest !== undefined) yield encoded(rest);
    } finally {
      this.#readers.delete(reader);
    }
  }
}

class Reader {
  readonly bell: Bell = new Bell();
  readonly #lines: string[] = [];
  #length = 0;
  #unread = 0;

  add(line: string): void {
    this.#lines.push(line);
    this.#length += line.length;
    while (this.#length > MOST_WAITING && this.#lines.length > 1) {
      this.#length -= this.#lines.shift()?.length ?? 0;
      this.#unread += 1;
    }
    this.bell.ring();
  }

  /** All that waits. */
  take(): string | undefined {
    if (this.#lines.length === 0) return undefined;
    const missed = this.#unread === 0 ? '' : lineOf({ event: 'unread', count: this.#unread });
    const text = missed + this.#lines.join('');
    this.#lines.length = 0;
    this.#length = 0;
    this.#unread = 0;
    return text;
  }
}

function lineOf(value: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify(value)}\n`;
}

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
