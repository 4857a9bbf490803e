/**
 * Decides which small files share a bundle: in walk order, from (hash, length, class) alone, so that the same directory
 * gives the same bundles whatever the workers do (docs/format.md, section 6).
 */
import { copyInto } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import { SharedBuffers, type SharedBytes } from '../../core/shared-buffers.ts';
import type { BundleParameters } from '../../repo/config.ts';
import type { Content } from '../../snapshot/node.ts';
import { type KnownContent, KnownContents } from './known-contents.ts';

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
  /** For files of the same content, while it is remembered. */
  readonly known: KnownContent | undefined;
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

/** Saves bundles as data blobs; the keys in their order. */
export type StoreBundles = (bundles: readonly SharedBytes[]) => Promise<readonly ContentKey[]>;

export class BundleSequencer {
  readonly #parameters: BundleParameters;
  readonly #store: StoreBundles;
  readonly #buffers: SharedBuffers;
  readonly #open = new Map<string, OpenBundle>();
  /** Class of the last candidate. */
  #latest: string | undefined;
  readonly #known = new KnownContents(REMEMBERED);
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
    const known = this.#known.find(candidate.hash);
    if (known !== undefined) {
      if (known.content !== undefined) candidate.place(known.content);
      else if (known.waiting === undefined) known.waiting = [candidate.place];
      else known.waiting.push(candidate.place);
      return;
    }
    const { target, limit } = this.#parameters;
    const length = candidate.bytes.length;
    if ((this.#open.get(candidate.className)?.length ?? 0) + length > limit) this.#close(candidate.className);
    const bundle = this.#bundleOf(candidate.className);
    bundle.members.push({ offset: bundle.length, place: candidate.place, known: this.#known.add(candidate.hash) });
    copyInto(bundle.buffer, bundle.length, candidate.bytes);
    bundle.length += length;
    const cut = ((candidate.hash[0] ?? 0) & 15) === 0 && bundle.length >= target / 2;
    if (cut || bundle.length >= target) this.#close(candidate.className);
  }

  /** The open one, which waits the shortest from now on. */
  #bundleOf(className: string): OpenBundle {
    const open = this.#open.get(className);
    if (open !== undefined && className === this.#latest) return open;
    const bundle = open ?? new OpenBundle(this.#buffers.take());
    this.#open.delete(className);
    this.#open.set(className, bundle);
    this.#latest = className;
    this.#limitClasses();
    return bundle;
  }

  #limitClasses(): void {
    if (this.#open.size <= OPEN_CLASSES) return;
    const [longest] = this.#open.keys();
    if (longest !== undefined) this.#close(longest);
  }

  end(reached: BundleEnd): void {
    const least = reached === 'directory' ? this.#parameters.target / 2 : 0;
    for (const [className, bundle] of this.#open) if (bundle.length >= least) this.#close(className);
  }

  #close(className: string): void {
    const bundle = this.#open.get(className);
    if (bundle === undefined || bundle.length === 0) return;
    this.#open.delete(className);
    if (className === this.#latest) this.#latest = undefined;
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
    for (const { offset, place, known } of members) {
      const content: Content = { type: 'slice', bundle: key, offset, bundleLength: length };
      place(content);
      if (known === undefined) continue;
      known.content = content;
      for (const other of known.waiting ?? []) other(content);
      known.waiting = undefined;
    }
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
