/**
 * What trees refer to, moved to the content secrets in force: data blobs pack by pack, each once, and then trees from the
 * leaves up. Files keep their identity (`contentHash`), so that nothing looks changed to them who compare.
 */
import { equalBytes } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import { type BlobId, type ContentKey, contentKey } from '../../core/ids.ts';
import { blobIdOf } from '../../engine/keys.ts';
import { fetchSealed, type NeededBlob } from '../../repo/blob-copier.ts';
import type { BlobPlace } from '../../repo/blob-index.ts';
import { BlobReader } from '../../repo/blob-reader.ts';
import type { BlobRekeyer } from '../../repo/blob-rekeyer.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import { ChunkListBuilder } from '../../snapshot/content.ts';
import type { Chunk, Content, Node } from '../../snapshot/node.ts';
import { chunkFromJson } from '../../snapshot/node-json.ts';
import { type LoadBlob, readParts, readTree, TreeBuilder } from '../../snapshot/tree.ts';
import { BlobTable } from '../check/blob-table.ts';
import { needed } from '../reachable.ts';
import { type KnownEpochs, knownEpochs } from './content-epochs.ts';

/** Part of a pack. */
const MOST_OF_IT = 0.5;

export interface RekeyMeans {
  readonly repository: IndexedRepository;
  readonly rekeyer: BlobRekeyer;
  /** All that is reached, with content keys. */
  readonly table: BlobTable;
  readonly dryRun: boolean;
  readonly events: EventSink;
  /** @throws NeoError interrupted */
  readonly throwIfStopped: () => void;
}

interface Wanted {
  readonly blob: NeededBlob;
  readonly places: readonly BlobPlace[];
}

export class Rekey {
  readonly #means: RekeyMeans;
  readonly #known: KnownEpochs;
  /** The new key of what is not known to be of the secrets in force, or its own if it turned out to be. */
  readonly #moved = new BlobTable(true);
  readonly #load: LoadBlob;
  /** Data blobs that were of earlier secrets, and what they take sealed. */
  blobs = 0;
  bytes = 0;

  private constructor(means: RekeyMeans, known: KnownEpochs) {
    this.#means = means;
    this.#known = known;
    const reader = new BlobReader(means.repository);
    this.#load = (kind, key) => reader.load(kind, key);
  }

  /** @throws NeoError unreachable */
  static async start(means: RekeyMeans): Promise<Rekey> {
    return new Rekey(means, await knownEpochs(means.repository, means.table));
  }

  /** Before any tree. What cannot be read is met again where a tree needs it. @throws NeoError interrupted, no-space, unreachable */
  async moveData(): Promise<void> {
    const groups = this.#wanted();
    const all = [...groups.values()].flat();
    const totals = { totalFiles: all.length, totalBytes: bytesOf(all) };
    let [files, bytes] = [0, 0];
    for (const [pack, group] of groups) {
      const whole = await this.#pack(pack, group);
      for (const wanted of group) {
        this.#means.throwIfStopped();
        await this.#moveOne(wanted, whole);
        [files, bytes] = [files + 1, bytes + bytesOf([wanted])];
        this.#means.events({ type: 'progress', phase: 'move', progress: { files, bytes, ...totals } });
      }
    }
  }

  /** By pack, in the order in which they lie there. Under 0 also those that lie nowhere. */
  #wanted(): Map<number, Wanted[]> {
    const { repository, table } = this.#means;
    const wanted = new Map<number, Wanted[]>();
    for (const entry of table.entries()) {
      if (entry.kind !== 'data') continue;
      const blob = needed(repository, entry);
      if (this.#known.current.has(blob.id)) continue;
      const places = repository.index.places(blob.id);
      const pack = places[0]?.pack ?? 0;
      const group = wanted.get(pack) ?? [];
      group.push({ blob, places });
      wanted.set(pack, group);
    }
    for (const group of wanted.values()) {
      group.sort(({ places: [a] }, { places: [b] }) => (a?.offset ?? 0) - (b?.offset ?? 0));
    }
    return wanted;
  }

  /** Read at once if most of it is wanted. */
  async #pack(number: number, group: readonly Wanted[]): Promise<Uint8Array | undefined> {
    const { repository, dryRun } = this.#means;
    const info = repository.packs[number];
    if (dryRun || info === undefined || bytesOf(group) < info.size * MOST_OF_IT) return undefined;
    return fetchSealed(repository, { pack: number, offset: 0, length: info.size, trusted: false });
  }

  async #moveOne({ blob, places }: Wanted, whole: Uint8Array | undefined): Promise<void> {
    const { dryRun, repository, rekeyer } = this.#means;
    const { id, kind, key } = blob;
    if (dryRun && this.#known.older.has(id)) return this.#note(blob, places, standIn(repository, key));
    for (const [at, place] of places.entries()) {
      const inWhole = at === 0 ? whole?.subarray(place.offset, place.offset + place.length) : undefined;
      const sealed = inWhole ?? (await fetchSealed(repository, place));
      const moved = sealed === undefined ? undefined : await rekeyer.move(blob, sealed);
      if (moved === undefined) continue;
      if (!equalBytes(moved, key)) return this.#note(blob, places, moved);
      this.#moved.add(id, kind, key);
      return;
    }
  }

  #note({ id, kind }: NeededBlob, [place]: readonly BlobPlace[], moved: ContentKey): void {
    this.#moved.add(id, kind, moved);
    this.blobs += 1;
    this.bytes += place?.length ?? 0;
  }

  /** The key of the same directory. @throws NeoError integrity when something in it cannot be read */
  async tree(key: ContentKey): Promise<ContentKey> {
    const id = blobIdOf(this.#means.repository.engine, key);
    const known = this.#moved.find(id)?.key;
    if (known !== undefined) return known;
    this.#means.throwIfStopped();
    const nodes: Node[] = [];
    // Of unknown secrets: made anew, and of those in force it comes out as it was.
    let isSame = this.#known.current.has(id);
    for await (const node of readTree(this.#load, key)) {
      const next = await this.#node(node);
      isSame &&= next === node;
      nodes.push(next);
    }
    await this.#means.rekeyer.session.room();
    const made = isSame ? key : this.#build(nodes);
    this.#moved.add(id, 'tree', made);
    return made;
  }

  #build(nodes: readonly Node[]): ContentKey {
    const builder = new TreeBuilder(
      (kind, json) => this.#means.rekeyer.save(kind, json),
      (bytes) => this.#means.repository.engine.blake3(bytes),
    );
    for (const node of nodes) builder.add(node);
    return builder.finish();
  }

  /** The same object if nothing in it has moved. */
  async #node(node: Node): Promise<Node> {
    const content = node.content && (await this.#content(node.content));
    const xattrContent = node.xattrContent && (await this.#content(node.xattrContent));
    const extentContent = node.extentContent && (await this.#content(node.extentContent));
    const tree = node.tree && (await this.tree(node.tree));
    const isSame =
      content === node.content &&
      xattrContent === node.xattrContent &&
      extentContent === node.extentContent &&
      isSameKey(tree, node.tree);
    if (isSame) return node;
    return {
      ...node,
      ...(content === undefined ? {} : { content }),
      ...(xattrContent === undefined ? {} : { xattrContent }),
      ...(extentContent === undefined ? {} : { extentContent }),
      ...(tree === undefined ? {} : { tree }),
    };
  }

  async #content(content: Content): Promise<Content> {
    switch (content.type) {
      case 'slice': {
        const bundle = this.#data(content.bundle);
        return isSameKey(bundle, content.bundle) ? content : { ...content, bundle };
      }
      case 'chunks': {
        const chunks = content.chunks.map((chunk) => this.#chunk(chunk));
        return chunks.every((chunk, at) => chunk === content.chunks[at]) ? content : { type: 'chunks', chunks };
      }
      case 'list': {
        const key = await this.#list(content.key);
        return isSameKey(key, content.key) ? content : { type: 'list', key };
      }
    }
  }

  async #list(key: ContentKey): Promise<ContentKey> {
    const id = blobIdOf(this.#means.repository.engine, key);
    const known = this.#moved.find(id)?.key;
    if (known !== undefined) return known;
    const chunks: Chunk[] = [];
    let isSame = this.#known.current.has(id);
    for await (const entry of readParts(this.#load, 'list', key)) {
      const chunk = chunkFromJson(entry);
      const next = this.#chunk(chunk);
      isSame &&= next === chunk;
      chunks.push(next);
    }
    const made = isSame ? key : this.#buildList(chunks);
    this.#moved.add(id, 'list', made);
    return made;
  }

  #buildList(chunks: readonly Chunk[]): ContentKey {
    const builder = new ChunkListBuilder((kind, json) => this.#means.rekeyer.save(kind, json));
    for (const chunk of chunks) builder.add(chunk);
    const made = builder.finish();
    if (made.type !== 'list') throw new NeoError('failed', 'a chunk list is a list');
    return made.key;
  }

  #chunk(chunk: Chunk): Chunk {
    const key = this.#data(chunk.key);
    return isSameKey(key, chunk.key) ? chunk : { ...chunk, key };
  }

  /** @throws NeoError integrity for one of which no copy could be read */
  #data(key: ContentKey): ContentKey {
    const id: BlobId = blobIdOf(this.#means.repository.engine, key);
    if (this.#known.current.has(id)) return key;
    const moved = this.#moved.find(id)?.key;
    if (moved !== undefined) return moved;
    throw new NeoError('integrity', 'a data blob cannot be read');
  }
}

/** Of their first copies. */
function bytesOf(wanted: readonly Wanted[]): number {
  return wanted.reduce((sum, { places: [place] }) => sum + (place?.length ?? 0), 0);
}

function isSameKey(a: ContentKey | undefined, b: ContentKey | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && equalBytes(a, b));
}

/** In a dry run, for the key that it would get, which only who reads it knows. */
function standIn({ engine }: IndexedRepository, key: ContentKey): ContentKey {
  return contentKey(engine.blake3(key));
}
