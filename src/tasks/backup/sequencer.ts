/**
 * Decides which small files share a bundle: in walk order, from (hash, length, class) alone, so that the same directory
 * gives the same bundles whatever the workers do (docs/format.md, section 6).
 */
import { toBase64 } from '../../core/bytes.ts';
import type { ContentKey } from '../../core/ids.ts';
import type { BundleParameters } from '../../repo/config.ts';
import type { Content } from '../../snapshot/node.ts';

export interface Candidate {
  /** Files of one class may share a bundle. */
  readonly className: string;
  /** Keyed BLAKE3 of the content. */
  readonly hash: Uint8Array;
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
  readonly pieces: Uint8Array[] = [];
  readonly members: Member[] = [];
  /** Waiting for the key as well: contents equal to one in here. */
  length = 0;
}

/**
 * Open bundles, at most: 64 × 128 KiB. A server of mail has thousands of users, and each user's files are a class of
 * their own. The one that waited longest is closed; that too depends on the walk's order alone.
 */
const OPEN_CLASSES = 64;

/** Contents remembered for reference, at most: about 100 MB. Beyond that a content may be stored twice. */
const REMEMBERED = 500_000;

type Known = { readonly content: Content } | { readonly waiting: ((content: Content) => void)[] };

export class BundleSequencer {
  readonly #parameters: BundleParameters;
  readonly #store: (bytes: Uint8Array) => Promise<ContentKey>;
  readonly #open = new Map<string, OpenBundle>();
  readonly #known = new Map<string, Known>();
  readonly #pending = new Set<Promise<void>>();
  #failure: unknown;

  /** `store` saves a bundle as a data blob. */
  constructor(parameters: BundleParameters, store: (bytes: Uint8Array) => Promise<ContentKey>) {
    this.#parameters = parameters;
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
    const bundle = this.#open.get(candidate.className) ?? new OpenBundle();
    this.#open.delete(candidate.className);
    this.#open.set(candidate.className, bundle);
    this.#limitClasses();
    bundle.members.push({ offset: bundle.length, place: this.#remember(identity, candidate.place) });
    bundle.pieces.push(candidate.bytes.slice());
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
    const bytes = new Uint8Array(bundle.length);
    let at = 0;
    for (const piece of bundle.pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    const { length, members } = bundle;
    const stored = this.#store(bytes)
      .then((key) => {
        for (const { offset, place } of members) place({ type: 'slice', bundle: key, offset, bundleLength: length });
      })
      .catch((error: unknown) => {
        this.#failure ??= error;
      });
    this.#pending.add(stored);
    void stored.finally(() => this.#pending.delete(stored));
  }

  /** Resolves when all closed bundles have their keys, or could not be stored. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }

  /** Closes what is open and waits for all keys. @throws what storing failed with */
  async finish(): Promise<void> {
    this.end('mark');
    await this.settled();
    if (this.#failure !== undefined) throw this.#failure;
  }
}
