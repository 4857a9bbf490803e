/**
 * Targets in a bucket: `targets/ID/` below the prefix, as a client would keep a repository there. What is on its way is in `spool/ID` of the data
 * folder, and what is being removed is named in `removed/`, so that a start goes on with both.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as later } from 'node:timers/promises';
import type { ObjectInfo, ServedBackend } from '../../backends/backend.ts';
import { BucketLine, type LineOptions } from '../../backends/bucket-line.ts';
import { syncFolder, unlinkQuietly, writeDurably } from '../../backends/local-files.ts';
import { openBucket, type S3Options } from '../../backends/s3.ts';
import type { S3Place } from '../../backends/s3-location.ts';
import { objectsAfter, openServedS3 } from '../../backends/served-s3.ts';
import { Spool } from '../../backends/spool.ts';
import { NeoError, systemCode } from '../../core/errors.ts';
import { namesIn } from './folders.ts';
import type { TargetStorage } from './storage.ts';

export interface BucketOptions extends LineOptions {
  readonly dataRoot: string;
  readonly place: S3Place;
  readonly s3?: S3Options['s3'];
}

/** Whoever removes a target waits no longer: the rest is removed behind him. */
const MOST_WAIT_MS = 20_000;
const CHECK_MS = 5_000;
const REMOVED = 'removed';
const SPOOL = 'spool';

export class TargetBucket implements TargetStorage {
  readonly location: string;
  readonly line: BucketLine;
  readonly #options: BucketOptions;
  readonly #clearing = new Map<string, Promise<void>>();
  #isClosed = false;

  /** @throws NeoError when the bucket is not there, or cannot be reached */
  static async open(options: BucketOptions): Promise<TargetBucket> {
    const { place, s3, dataRoot, random } = options;
    const bucket = await openBucket(place, { create: true, ...(s3 === undefined ? {} : { s3 }) });
    // What was left half sent by a server that was killed is of no use; what is noted is left to whoever opens the target.
    for (const id of await namesIn(join(dataRoot, SPOOL))) await new Spool(join(dataRoot, SPOOL, id), random).left();
    return new TargetBucket(options, new BucketLine(bucket, options));
  }

  private constructor(options: BucketOptions, line: BucketLine) {
    this.#options = options;
    this.line = line;
    this.location = line.bucket.location;
  }

  open(id: string): Promise<ServedBackend> {
    const { dataRoot, random } = this.#options;
    const spool = new Spool(join(dataRoot, SPOOL, id), random);
    return openServedS3({ line: this.line, folder: folderOf(id), spool, random });
  }

  look(id: string, folder: string): AsyncIterable<ObjectInfo> {
    return objectsAfter(this.line, folderOf(id), folder, '');
  }

  ids(): Promise<string[]> {
    return this.line.ask(Number.POSITIVE_INFINITY, () => this.line.bucket.folders('targets'));
  }

  whereIs(id: string): string {
    return `${folderOf(id)} of ${this.location}`;
  }

  async remove(id: string): Promise<void> {
    const removed = join(this.#options.dataRoot, REMOVED);
    await mkdir(removed, { recursive: true, mode: 0o700 });
    await writeDurably(join(removed, id), new Uint8Array()).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error;
    });
    await syncFolder(removed);
    await syncFolder(this.#options.dataRoot);
    await this.#waitFor([this.#clearOnce(id)]);
  }

  async finishRemovals(): Promise<void> {
    const ids = await namesIn(join(this.#options.dataRoot, REMOVED));
    await this.#waitFor(ids.map((id) => this.#clearOnce(id)));
  }

  /** For a while. @throws NeoError when one fails by then */
  async #waitFor(work: readonly Promise<void>[]): Promise<void> {
    const ended = new AbortController();
    const { signal } = ended;
    try {
      await Promise.race([Promise.all(work), later(MOST_WAIT_MS, undefined, { signal }).catch(() => undefined)]);
    } finally {
      ended.abort();
    }
  }

  #clearOnce(id: string): Promise<void> {
    const known = this.#clearing.get(id);
    if (known !== undefined) return known;
    const clearing = this.#clear(id).finally(() => this.#clearing.delete(id));
    this.#clearing.set(id, clearing);
    // What fails is tried again at the next start, whoever still waits for it now.
    clearing.catch(() => undefined);
    return clearing;
  }

  async #clear(id: string): Promise<void> {
    const { dataRoot } = this.#options;
    // What a store may yet do of what it was asked for is decided by this.
    await (await this.open(id)).close();
    while (await this.#removeAll(folderOf(id)));
    await rm(join(dataRoot, SPOOL, id), { recursive: true, force: true });
    await unlinkQuietly(join(dataRoot, REMOVED, id));
    await syncFolder(join(dataRoot, REMOVED));
  }

  /** False when there was nothing. */
  async #removeAll(folder: string): Promise<boolean> {
    const { bucket, steady } = this.line;
    let isAny = false;
    for (let next: string | undefined = ''; next !== undefined; ) {
      const from: string = next;
      const page = await this.line.ask(Number.POSITIVE_INFINITY, () => bucket.pageAfter(folder, from));
      if (this.#isClosed) throw new NeoError('unreachable', 'the server is ending');
      await Promise.all(page.objects.map(({ path }) => steady.remove(path)));
      isAny ||= page.objects.length > 0;
      next = page.next;
    }
    return isAny;
  }

  /** Without trying again: it is asked again soon. */
  async check(): Promise<void> {
    const ended = new AbortController();
    const { signal } = ended;
    const late = async (): Promise<never> => {
      await later(CHECK_MS, undefined, { signal });
      throw new NeoError('unreachable', `${this.location} does not answer`);
    };
    const reached = this.line.bucket.reach();
    reached.catch(() => undefined);
    try {
      await Promise.race([reached, late()]);
    } finally {
      ended.abort();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#clearing.values());
    await this.line.bucket.close();
  }
}

function folderOf(id: string): string {
  return `targets/${id}`;
}
