/** Which paths of which snapshots lost blobs touch: a second walk, made only when something is lost. */
import { concatBytes, utf8 } from '../../core/bytes.ts';
import { isNeoError } from '../../core/errors.ts';
import type { ContentKey } from '../../core/ids.ts';
import { blobIdOf } from '../../engine/keys.ts';
import { BlobReader } from '../../repo/blob-reader.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { Snapshot } from '../../snapshot/listing.ts';
import type { Node } from '../../snapshot/node.ts';
import { BlobTable } from './blob-table.ts';
import { decodePart, type Part, type Reference, referencesOf } from './parts.ts';
import { MOST_PATHS, type Report } from './report.ts';

/** Something below a directory, and the object to blame. */
interface Hit {
  readonly object: string;
  /** Relative, begins with a slash; empty for the directory itself. */
  readonly path: Uint8Array;
}

const NOTHING: readonly Hit[] = [];
const ITSELF = new Uint8Array(0);

export class Touched {
  readonly #repository: IndexedRepository;
  readonly #report: Report;
  readonly #malformed: ReadonlyMap<string, string>;
  readonly #reader: BlobReader;
  /** Trees and lists without a hit below. */
  readonly #clean = new BlobTable(false);
  readonly #hit = new Map<string, readonly Hit[]>();

  constructor(repository: IndexedRepository, report: Report, malformed: ReadonlyMap<string, string>) {
    this.#repository = repository;
    this.#report = report;
    this.#malformed = malformed;
    this.#reader = new BlobReader(repository);
  }

  async attribute({ name, body }: Snapshot): Promise<void> {
    for (const { object, path } of await this.#below({ kind: 'tree', key: body.tree, level: undefined })) {
      // A malformed tree is the fault of whoever made the snapshot: no object is damaged but this one.
      const blamed = object.startsWith(MALFORMED) ? `snapshots/${name}` : object;
      const path_ = path.length === 0 ? utf8('/') : path;
      if (blamed === object) this.#report.touch(object, name, path_);
      else this.#report.add(blamed, object.slice(MALFORMED.length), name, path_);
    }
  }

  async #below(reference: Reference): Promise<readonly Hit[]> {
    const id = blobIdOf(this.#repository.engine, reference.key);
    if (reference.kind === 'data') return this.#report.blameFor(id).map((object) => ({ object, path: ITSELF }));
    if (this.#clean.has(id)) return NOTHING;
    const text = Buffer.from(reference.key).toString('base64url');
    const known = this.#hit.get(text);
    if (known !== undefined) return known;
    const hits = await this.#inside(reference, text);
    if (hits.length === 0) this.#clean.add(id, reference.kind, reference.key);
    else this.#hit.set(text, hits);
    return hits;
  }

  async #inside(reference: Exclude<Reference, { kind: 'data' }>, text: string): Promise<readonly Hit[]> {
    const blame = this.#report.blameFor(blobIdOf(this.#repository.engine, reference.key));
    if (blame.length > 0) return blame.map((object) => ({ object, path: ITSELF }));
    const wrong = this.#malformed.get(text);
    if (wrong !== undefined) return [{ object: `${MALFORMED}${wrong}`, path: ITSELF }];
    const part = await this.#part(reference.kind, reference.key, reference.level);
    const hits: Hit[] = [];
    const take = (below: readonly Hit[], name: Uint8Array | undefined): void => {
      for (const { object, path } of below) {
        if (hits.length >= MOST_PATHS) return;
        hits.push({ object, path: name === undefined ? path : concatBytes(SLASH, name, path) });
      }
    };
    for (const below of part?.parts ?? []) take(await this.#below(below), undefined);
    for (const { key } of part?.chunks ?? []) take(await this.#below({ kind: 'data', key }), undefined);
    for (const node of part?.nodes ?? []) take(await this.#ofNode(node), node.name);
    return hits;
  }

  async #ofNode(node: Node): Promise<readonly Hit[]> {
    const hits: Hit[] = [];
    for (const reference of referencesOf(node)) hits.push(...(await this.#below(reference)));
    return node.type === 'directory' ? hits : onePerObject(hits);
  }

  async #part(kind: 'tree' | 'list', key: ContentKey, level: number | undefined): Promise<Part | undefined> {
    try {
      return decodePart(kind, await this.#reader.load(kind, key), level);
    } catch (error) {
      if (isNeoError(error, 'integrity')) return undefined;
      throw error;
    }
  }
}

const SLASH = utf8('/');
const MALFORMED = 'malformed:';

function onePerObject(hits: readonly Hit[]): Hit[] {
  return [...new Map(hits.map((hit) => [hit.object, hit])).values()];
}
