/** What of earlier snapshots still holds, and need not be read again. */
import { toBase64 } from '../../core/bytes.ts';
import { isNeoError } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import { blobIdOf } from '../../engine/keys.ts';
import type { FileStat } from '../../fs/stat.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { Node } from '../../snapshot/node.ts';
import type { LoadBlob } from '../../snapshot/tree.ts';
import type { FileTask } from './file-store.ts';
import { blobsOf, type Candidate, isUnchanged, mayHaveChanged, type UnchangedRules } from './parent.ts';

export interface KeptOptions {
  readonly repository: IndexedRepository;
  readonly load: LoadBlob;
  readonly rules: UnchangedRules;
  /** Bundles whose files are to be read and bundled anew. */
  readonly rebundle: ReadonlySet<string>;
}

/** Look-ups remembered, at most: the files of a bundle come together. */
const REMEMBERED = 10_000;

export class KeptFiles {
  readonly #options: KeptOptions;
  readonly #present = new Map<string, boolean>();

  constructor(options: KeptOptions) {
    this.#options = options;
  }

  /** Unchanged, and all its blobs can be relied upon. */
  isKept(candidate: Candidate, stat: FileStat): boolean | Promise<boolean> {
    const before = candidate.node;
    if (!isUnchanged(before, stat, this.#options.rules) || mayHaveChanged(candidate)) return false;
    if (this.isGivenUp(before)) return false;
    const { content } = before;
    if (before.xattrContent !== undefined || before.extentContent !== undefined) return this.#hasListed(before);
    switch (content?.type) {
      case undefined:
        return true;
      case 'slice':
        return this.has(content.bundle);
      case 'chunks':
        return content.chunks.every(({ key }) => this.has(key));
      case 'list':
        return this.#hasListed(before);
    }
  }

  async #hasListed(before: Node): Promise<boolean> {
    const { load } = this.#options;
    try {
      for await (const key of blobsOf(load, before)) if (!this.has(key)) return false;
    } catch (error) {
      if (isNeoError(error, 'integrity')) return false;
      throw error;
    }
    return true;
  }

  /** In a bundle whose files are to be bundled anew. */
  isGivenUp(before: Node | undefined): boolean {
    return before?.content?.type === 'slice' && this.#options.rebundle.has(toBase64(before.content.bundle));
  }

  /** A file may be touched without being changed: its bytes need not go into another bundle. */
  sliceOf({ content, contentHash }: Node): FileTask['before'] {
    if (content?.type !== 'slice' || contentHash === undefined || !this.has(content.bundle)) return undefined;
    return { hash: contentHash, content };
  }

  /** True if the blob need not be stored. */
  has(key: ContentKey): boolean {
    const text = toBase64(key);
    const known = this.#present.get(text);
    if (known !== undefined) return known;
    const { engine, index } = this.#options.repository;
    const has = index.has(blobIdOf(engine, key));
    if (this.#present.size > REMEMBERED) this.#present.clear();
    this.#present.set(text, has);
    return has;
  }
}
