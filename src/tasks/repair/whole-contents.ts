/** Whether all of a content can be had. */
import { toBase64 } from '../../core/bytes.ts';
import type { ContentKey } from '../../core/ids.ts';
import type { BlobKind } from '../../repo/blob-entry.ts';
import { BlobReader } from '../../repo/blob-reader.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { Content } from '../../snapshot/node.ts';
import type { Reference } from '../check/parts.ts';
import type { Losses } from './losses.ts';
import { readPart } from './readable-nodes.ts';

export class WholeContents {
  readonly #losses: Losses;
  /** What was called lost: data that is, and parts of lists that could not be read. */
  readonly lost = new Map<string, { readonly kind: BlobKind; readonly key: ContentKey }>();
  readonly #reader: BlobReader;
  /** Parts of lists, by key in base64. */
  readonly #lists = new Map<string, boolean>();

  constructor(repository: IndexedRepository, losses: Losses) {
    this.#losses = losses;
    this.#reader = new BlobReader(repository);
  }

  /** @throws NeoError unreachable */
  async has(content: Content | undefined): Promise<boolean> {
    switch (content?.type) {
      case undefined:
        return true;
      case 'slice':
        return this.#hasData(content.bundle);
      case 'chunks':
        return content.chunks.every(({ key }) => this.#hasData(key));
      case 'list':
        return this.#hasList({ kind: 'list', key: content.key, level: undefined });
    }
  }

  #hasData(key: ContentKey): boolean {
    const has = this.#losses.hasKey(key);
    if (!has) this.lost.set(toBase64(key), { kind: 'data', key });
    return has;
  }

  async #hasList(reference: Extract<Reference, { kind: 'tree' | 'list' }>): Promise<boolean> {
    const name = toBase64(reference.key);
    const known = this.#lists.get(name);
    if (known !== undefined) return known;
    const part = await readPart(this.#reader, reference);
    if (part === undefined) this.lost.set(name, reference);
    let isWhole = part?.chunks.every(({ key }) => this.#hasData(key)) ?? false;
    for (const below of part?.parts ?? []) isWhole &&= below.kind === 'list' && (await this.#hasList(below));
    this.#lists.set(name, isWhole);
    return isWhole;
  }
}
