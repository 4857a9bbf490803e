/**
 * Decides which small files share a bundle: in walk order, from (hash, length, class) alone, so that the same directory
 * gives the same bundles whatever the workers do (docs/format.md, section 6).
 */
import { toBase64 } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import type { BundleParameters } from '../../repo/config.ts';
import type { Content } from '../../snapshot/node.ts';
import type { SharedBytes } from './jobs.ts';
import { SharedBuffers } from './shared-buffers.ts';

export interface Candidate {
  /** Files of one class may share a bundle. */
  readonly className: string;
  /** Keyed BLAKE3 of the content. */
  readonly hash: Uint8Array;
  /** Copied at once. */
  readonly bytes: Uint8Array;
  readonly place: (content: Content) => void;
}

/** Where bundles end whatever comes next: a directory's end closes those that are half full, a mark all. */
export type BundleEnd = 'directory' | 'mark';

interface Member {
  readonly offset: number;
  readonly place: (content: Content) => void;
}

class OpenBundle {
  readonly buffer: SharedBytes;
  readonly members: Member[] = [];
  /** Filled so far. */
  length = 0;

  constructor(buffer: SharedBytes) {
    this.buffer = buffer;
  }
}

/**
 * Open bundles, at most: 64 × 128 KiB. A server of mail has thousands of users, and each user's files are a class of
 * their own. The one that waited longest is closed; that too depends on the walk's order alone.
 */
const OPEN_CLASSES = 64;

/** Contents remembered for reference, at most: about 100 MB. Beyond that a content may be stored twice. */
const REMEMBERED = 500_000;

type Known = { readonly content: Content } | { readonly waiting: ((content: Content) => void)[] };

/** Saves bundles as data blobs; the keys in their order. */
export type StoreBundles = (bundles: readonly SharedBytes[]) => Promise<readonly ContentKey[]>;

export class BundleSequencer {
  readonly #parameters: BundleParameters;
  readonly #store: StoreBundles;
  readonly #buffers: SharedBuffers;
  readonly #open = new Map<string, OpenBundle>();
  readonly #known = new Map<string, Known>();
  #closed: OpenBundle[] = [];
  readonly #pending = new Set<Promise<void>>();
  #failure: unknown;

  constructor(parameters: BundleParameters, store: StoreBundles) {
    this.#parameters = parameters;
    this.#buffers = new SharedBuffers(parameters.limit);
    this.#store = store;
  }

  /** Candidates come in walk order; empty files are none. */
  add(candidate: Candidate): void {
    const identity = toBase64(candidate.hash);
    const known = this.#known.get(identity);
    if (known !== undefined) {
      if ('content' in known) candidate.place(known.content);
      else known.waiting.push(candidate.place);
      return;
    }
    const { target, limit } = this.#parameters;
    const length = candidate.bytes.length;
    if ((this.#open.get(candidate.className)?.length ?? 0) + length > limit) this.#close(candidate.className);
    const bundle = this.#open.get(candidate.className) ?? new OpenBundle(this.#buffers.take());
    this.#open.delete(candidate.className);
    this.#open.set(candidate.className, bundle);
    this.#limitClasses();
    bundle.members.push({ offset: bundle.length, place: this.#remember(identity, candidate.place) });
    bundle.buffer.set(candidate.bytes, bundle.length);
    bundle.length += length;
    const cut = ((candidate.hash[0] ?? 0) & 15) === 0 && bundle.length >= target / 2;
    if (cut || bundle.length >= target) this.#close(candidate.className);
  }

  #limitClasses(): void {
    if (this.#open.size <= OPEN_CLASSES) return;
    const [longest] = this.#open.keys();
    if (longest !== undefined) this.#close(longest);
  }

  #remember(identity: string, place: (content: Content) => void): (content: Content) => void {
    if (this.#known.size >= REMEMBERED) return place;
    const waiting: ((content: Content) => void)[] = [];
    this.#known.set(identity, { waiting });
    return (content) => {
      this.#known.set(identity, { content });
      place(content);
      for (const other of waiting) other(content);
    };
  }

  end(reached: BundleEnd): void {
    const least = reached === 'directory' ? this.#parameters.target / 2 : 0;
    for (const [className, bundle] of this.#open) if (bundle.length >= least) this.#close(className);
  }

  #close(className: string): void {
    const bundle = this.#open.get(className);
    if (bundle === undefined || bundle.length === 0) return;
    this.#open.delete(className);
    this.#closed.push(bundle);
    // What is closed in one go is stored in one: each message to a thread wakes it up.
    if (this.#closed.length === 1) queueMicrotask(() => this.#storeClosed());
  }

  #storeClosed(): void {
    const bundles = this.#closed;
    if (bundles.length === 0) return;
    this.#closed = [];
    const stored = this.#store(bundles.map(({ buffer, length }) => buffer.subarray(0, length)))
      .then((keys) => {
        for (const [i, bundle] of bundles.entries()) this.#settle(bundle, keys[i]);
      })
      .catch((error: unknown) => {
        this.#failure ??= error;
      });
    this.#pending.add(stored);
    void stored.finally(() => this.#pending.delete(stored));
  }

  #settle({ buffer, length, members }: OpenBundle, key: ContentKey | undefined): void {
    if (key === undefined) throw new NeoError('failed', 'a bundle was stored without a key');
    // Not after a failure: a worker may be reading it yet, and would store what is not under its key.
    this.#buffers.give(buffer);
    for (const { offset, place } of members) place({ type: 'slice', bundle: key, offset, bundleLength: length });
  }

  /** Resolves when all closed bundles have their keys, or could not be stored. */
  async settled(): Promise<void> {
    this.#storeClosed();
    await Promise.all(this.#pending);
  }

  /** Closes what is open and waits for all keys. @throws what storing failed with */
  async finish(): Promise<void> {
    this.end('mark');
    await this.settled();
    if (this.#failure !== undefined) throw this.#failure;
  }
}
