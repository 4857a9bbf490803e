/** Plans grow in windows: while one is carried out, the next is planned; and while its last jobs run, the next begins. */
import { type ContentKey, contentKey } from '../../core/ids.ts';
import type { Context } from './context.ts';
import { closeQuietly, readsRight } from './existing.ts';
import type { Fetcher } from './fetcher.ts';
import type { FileWork } from './file-work.ts';
import type { LocalPiece, Segments } from './jobs.ts';
import { Window } from './window.ts';

const FIRST_PART = 1 / 8;

export class Schedule {
  readonly #fetcher: Fetcher;
  readonly #context: Context;
  #window = new Window(FIRST_PART);
  #part = FIRST_PART;
  /** The last two. */
  readonly #running: Promise<void>[] = [];
  /** Files that are not done: to be removed if the restore ends early. */
  readonly #open = new Set<FileWork>();
  /** Written, to be read again. */
  #unverified: FileWork[] = [];

  constructor(fetcher: Fetcher, context: Context) {
    this.#fetcher = fetcher;
    this.#context = context;
  }

  /** {@link room} is asked for afterwards, at the latest after as many pieces as stand in one node. */
  add(work: FileWork, key: ContentKey, plainLength: number, segments: Segments): void {
    this.#open.add(work);
    this.#window.add(work, key, plainLength, segments);
  }

  addPiece(work: FileWork, piece: LocalPiece): void {
    this.add(work, contentKey(piece.key), piece.length, piece.segments);
  }

  /** Waits, if at all, until more may be planned. */
  room(): void | Promise<void> {
    if (this.#window.isFull) return this.#flush();
  }

  /** No more pieces of it will come. */
  planned(work: FileWork): void | Promise<void> {
    work.planned = true;
    this.#open.add(work);
    this.#window.files.add(work);
    // Nothing is missing: an empty file, or one of which all was there.
    if (work.pending === 0) this.#fetcher.settle(work);
    return this.room();
  }

  done(work: FileWork): void {
    this.#open.delete(work);
    if (work.check !== undefined) this.#unverified.push(work);
  }

  async #flush(): Promise<void> {
    if (this.#running.length >= 2) await this.#running.shift();
    const window = this.#window;
    this.#part *= 2;
    this.#window = new Window(this.#part);
    const running = this.#carryOut(window);
    // Seen when a later one begins, or at the end.
    running.catch(() => undefined);
    this.#running.push(running);
  }

  async #carryOut(window: Window): Promise<void> {
    await this.#fetcher.run(window);
    for (const work of window.files) if (work.state !== 'open') this.#open.delete(work);
    await this.#verify();
  }

  /** @throws what ends the restore */
  async finish(): Promise<void> {
    await this.#flush();
    await Promise.all(this.#running);
    await this.#verify();
  }

  /** Nothing half done stays. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.#running);
    for (const work of this.#open) work.abandon();
  }

  async #verify(): Promise<void> {
    const works = this.#unverified;
    this.#unverified = [];
    for (const work of works) {
      const { check, place } = work;
      if (check === undefined) continue;
      const { target, directory, name } = place;
      const fd = target.openExisting(directory, name);
      if (fd === undefined) {
        this.#context.tally.lose(work.path, 'cannot be opened to be read again: it is not verified', 'failed');
        continue;
      }
      try {
        if (await readsRight(this.#context, check.node, check.layout, fd)) continue;
        this.#context.tally.lose(work.path, 'reads otherwise than it was written: is the disk all right?', 'failed');
      } finally {
        closeQuietly(fd);
      }
    }
  }
}
