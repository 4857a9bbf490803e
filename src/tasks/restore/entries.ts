/** One entry of a directory: what is there already, and what has to be done. */
import fs from 'node:fs';
import { compareBytes } from '../../core/bytes.ts';
import { settled, throwIfAborted, whenReady } from '../../core/concurrency.ts';
import type { EntryMetadata } from '../../fs/apply.ts';
import type { EntryStat } from '../../fs/entry-stat.ts';
import { joinPath } from '../../fs/path.ts';
import type { RestoreTarget } from '../../fs/writer.ts';
import type { TargetDirectory } from '../../fs/writer-directory.ts';
import type { SpecialEntry } from '../../fs/writer-place.ts';
import { readXattrs } from '../../fs/xattr.ts';
import { contentPieces, inlinePieces, loadContent, type Piece } from '../../snapshot/content.ts';
import { decodeExtents } from '../../snapshot/extents.ts';
import type { Node } from '../../snapshot/node.ts';
import type { Context, RestoreAction } from './context.ts';
import { closeQuietly, hasContent, isKept, pieceBatches } from './existing.ts';
import { FileWork } from './file-work.ts';
import type { LocalPiece } from './jobs.ts';
import { Layout } from './layout.ts';
import { HardLinks } from './links.ts';
import { hostile } from './loader.ts';
import { type MovedChunks, movedChunks } from './moved.ts';
import type { Place } from './place.ts';
import type { Schedule } from './schedule.ts';

interface Spot {
  readonly target: RestoreTarget;
  readonly directory: TargetDirectory;
  readonly name: Uint8Array;
}

/** Entries planned in one go. */
const BREATH = 128;

export class Entries {
  readonly #context: Context;
  readonly #schedule: Schedule;
  readonly links = new HardLinks();
  #count = 0;

  constructor(context: Context, schedule: Schedule) {
    this.#context = context;
    this.#schedule = schedule;
  }

  /** Trees may come from memory alone: then nothing else, neither workers' answers nor signals, would get a turn. */
  async #breathe(): Promise<void> {
    this.#context.tally.progress();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Everything but a directory. @throws NeoError what ends the restore; all else is named and passed over */
  restore(place: Place, node: Node, name: Uint8Array): void | Promise<void> {
    if (++this.#count % BREATH === 0) return this.#breathe().then(() => this.#restore(place, node, name));
    return this.#restore(place, node, name);
  }

  #restore(place: Place, node: Node, name: Uint8Array): void | Promise<void> {
    const { tally, signal, mode } = this.#context;
    throwIfAborted(signal);
    if (node.type === 'file') {
      tally.plannedFiles += 1;
      tally.plannedBytes += node.size;
    }
    return settled<void>(
      () => (mode === 'restore' ? this.#entry(place, node, name) : this.#show(place, node, name)),
      (error) => tally.fail(place.pathOf(name), error),
    );
  }

  async #show(place: Place, node: Node, name: Uint8Array): Promise<void> {
    if (this.#context.mode === 'count') return;
    const existing = place.isNew ? undefined : place.target.stat(place.existing(), name);
    if (existing === undefined) return this.#act('create', place, node, name);
    const spot = { target: place.target, directory: place.existing(), name };
    if (isKept(this.#context.overwrite, node, existing)) return this.#act('skip', place, node, name);
    this.#act((await this.#isSame(spot, node, existing)) ? 'unchanged' : 'update', place, node, name);
  }

  #act(action: RestoreAction['action'], place: Place, node: Node, name: Uint8Array): void {
    const { tally, act } = this.#context;
    if (node.type === 'file') {
      if (action === 'skip') tally.filesSkipped += 1;
      else if (action === 'unchanged') tally.filesUnchanged += 1;
      else tally.filesRestored += 1;
    }
    const path = joinPath(tally.root, place.pathOf(name));
    act({ action, type: node.type, path, ...(node.type === 'file' ? { size: node.size } : {}) });
  }

  #entry(place: Place, node: Node, name: Uint8Array): void | Promise<void> {
    const spot = { target: place.target, directory: place.ensure(), name };
    const first = this.links.first(spot.target, node);
    const existing = place.isNew ? undefined : spot.target.stat(spot.directory, name);
    if (existing !== undefined && isKept(this.#context.overwrite, node, existing)) {
      return this.#keep(spot, node, existing, first === undefined);
    }
    if (first !== undefined) return this.links.add(first, spot.directory, name, node.type);
    const metadata = this.#context.metadata.of(node, () => spot.directory.pathOf(name));
    return whenReady(metadata, (metadata) => this.#make(spot, node, metadata, existing));
  }

  async #keep(spot: Spot, node: Node, existing: EntryStat, isFirst: boolean): Promise<void> {
    if (node.type === 'file') this.#context.tally.filesSkipped += 1;
    // A kept file stands for the saved one only if it is that: other names must not become what the user has here.
    const stands = isFirst && node.links > 1 && (await this.#isSame(spot, node, existing));
    if (stands) this.links.remember(node, spot, undefined);
  }

  #make(spot: Spot, node: Node, metadata: EntryMetadata, existing: EntryStat | undefined): void | Promise<void> {
    if (node.type !== 'file') {
      if (this.#special(spot, node, metadata, existing)) this.links.remember(node, spot, undefined);
      return;
    }
    if (existing?.isFile() !== true) return this.#file(spot, node, metadata, undefined);
    return whenReady(this.#isSameFile(spot, node, existing), (same) => {
      if (!same || !this.#touch(spot, node, metadata, existing)) return this.#file(spot, node, metadata, existing);
      this.#context.tally.filesUnchanged += 1;
      this.links.remember(node, spot, undefined);
    });
  }

  #isSame(spot: Spot, node: Node, existing: EntryStat): boolean | Promise<boolean> {
    return node.type === 'file' ? this.#isSameFile(spot, node, existing) : isSameSpecial(spot, node, existing);
  }

  #layout(node: Node): Layout | Promise<Layout> {
    const { extents, extentContent, size } = node;
    if (extentContent === undefined) return new Layout(size, extents);
    return loadContent(this.#context.load, extentContent).then((bytes) => new Layout(size, decodeExtents(bytes)));
  }

  /** @param existing a regular file that is another one */
  #file(spot: Spot, node: Node, metadata: EntryMetadata, existing: EntryStat | undefined): void | Promise<void> {
    return whenReady(this.#layout(node), (layout) => {
      const work = this.#workOf(spot, node, metadata, layout);
      const local =
        existing === undefined || isWholeContent(node)
          ? undefined
          : spot.target.openExisting(spot.directory, spot.name);
      if (local === undefined) return this.#plan(work, node, layout);
      return this.#compare(work, node, layout, local).finally(() => closeQuietly(local));
    });
  }

  #isSameFile(spot: Spot, node: Node, existing: EntryStat): boolean | Promise<boolean> {
    const { overwrite, verify } = this.#context;
    if (!existing.isFile() || existing.size !== BigInt(node.size)) return false;
    if (overwrite !== 'always' && !verify && existing.mtimeNs === node.mtime) return true;
    return this.#hasContent(spot, node);
  }

  async #hasContent(spot: Spot, node: Node): Promise<boolean> {
    const fd = spot.target.openExisting(spot.directory, spot.name);
    if (fd === undefined) return false;
    try {
      return await hasContent(this.#context, node, await this.#layout(node), fd);
    } finally {
      closeQuietly(fd);
    }
  }

  /**
   * Content is right; owner, mode, times and attributes may not be. False if they may not be changed here: the inode may
   * have names outside of the target, so the entry has to be made anew.
   */
  #touch(spot: Spot, node: Node, metadata: EntryMetadata, existing: EntryStat): boolean {
    const { target, directory, name } = spot;
    const local = {
      mode: Number(existing.mode) & 0o7777,
      uid: Number(existing.uid),
      gid: Number(existing.gid),
      mtime: existing.mtimeNs,
      isLink: existing.isSymbolicLink(),
      attributes: () => directory.use((at) => readXattrs(at(name))).attributes,
    };
    if (this.#context.metadata.isMet(metadata, local)) return true;
    const sameOwner = local.uid === metadata.uid && local.gid === metadata.gid;
    if (existing.nlink > 1n && (existing.nlink > BigInt(node.links) || !sameOwner)) return false;
    target.apply(directory, name, metadata);
    return true;
  }

  #workOf(spot: Spot, node: Node, metadata: EntryMetadata, layout: Layout): FileWork {
    const { overwrite, verify } = this.#context;
    const how = { overwrite: overwrite !== 'never', whole: isWholeContent(node), verify };
    const work = new FileWork(spot, node, metadata, layout, how);
    this.links.remember(node, spot, work);
    return work;
  }

  #plan(work: FileWork, node: Node, layout: Layout): void | Promise<void> {
    try {
      const pieces = inlinePieces(node.content, layout.length);
      if (pieces === undefined) return this.#planList(work, node, layout);
      for (const piece of pieces) this.#add(work, layout, piece);
      layout.finish();
    } catch (error) {
      work.abandon();
      throw error;
    }
    return this.#schedule.planned(work);
  }

  #add(work: FileWork, layout: Layout, { key, length, from, to }: Piece): void {
    this.#schedule.add(work, key, length, layout.take(from, to - from));
  }

  async #planList(work: FileWork, node: Node, layout: Layout): Promise<void> {
    try {
      for await (const piece of contentPieces(this.#context.load, node.content, layout.length)) {
        this.#add(work, layout, piece);
        await this.#schedule.room();
      }
      layout.finish();
    } catch (error) {
      work.abandon();
      throw error;
    }
    await this.#schedule.planned(work);
  }

  /** Equal chunks are copied from the old file, wherever they lie in it, the others planned. @param local an older copy */
  async #compare(work: FileWork, node: Node, layout: Layout, local: number): Promise<void> {
    const moved = movedChunks(this.#context.pool, local);
    try {
      for await (const pieces of pieceBatches(this.#context, node, layout)) {
        const equal = await this.#match(work, local, pieces);
        if (moved !== undefined) await this.#matchMoved(work, local, pieces, equal, moved);
        for (const [at, piece] of pieces.entries()) {
          layout.take(0, piece.length);
          if (equal[at] !== true) this.#schedule.addPiece(work, piece);
        }
        await this.#schedule.room();
      }
      layout.finish();
    } catch (error) {
      work.abandon();
      throw error;
    }
    await this.#schedule.planned(work);
  }

  async #match(work: FileWork, from: number, pieces: readonly LocalPiece[]): Promise<boolean[]> {
    const held = work.acquire();
    try {
      const to = held.type === 'open' ? { to: held.fd } : {};
      return [...(await this.#context.pool.run<'match'>({ type: 'match', from, pieces, ...to })).equal];
    } finally {
      work.release();
    }
  }

  /** Marks those that were found in another place. */
  async #matchMoved(
    work: FileWork,
    from: number,
    pieces: readonly LocalPiece[],
    equal: boolean[],
    moved: MovedChunks,
  ): Promise<void> {
    const wanting = pieces.flatMap((piece, at) => (equal[at] === true ? [] : [{ piece, at }]));
    // What was written over in place is not to be found anywhere else.
    if (wanting.length < FEW_WANTING) return;
    const places = await moved.find(wanting.map(({ piece }) => piece));
    const found = wanting.flatMap(({ piece, at }, n) => {
      const source = places[n];
      return source === undefined ? [] : [{ at, piece: { ...piece, source } }];
    });
    if (found.length === 0) return;
    const right = await this.#match(
      work,
      from,
      found.map(({ piece }) => piece),
    );
    for (const [n, { at }] of found.entries()) equal[at] = right[n] === true;
  }

  /** False when it was refused. */
  #special(spot: Spot, node: Node, metadata: EntryMetadata, existing: EntryStat | undefined): boolean {
    const { tally, devices } = this.#context;
    const { target, directory, name } = spot;
    if ((node.type === 'chardev' || node.type === 'blockdev') && !devices) {
      tally.refuse(directory.pathOf(name));
      return false;
    }
    const same = existing !== undefined && isSameSpecial(spot, node, existing);
    if (!same || !this.#touch(spot, node, metadata, existing)) {
      target.place(directory, name, specialEntry(node, metadata));
    }
    return true;
  }
}

/** Chunks of a batch that are not what they should be, before they are looked for elsewhere. */
const FEW_WANTING = 2;

/** All bytes come from one blob. */
function isWholeContent({ content }: Node): boolean {
  return content?.type === 'slice' || (content?.type === 'chunks' && content.chunks.length === 1);
}

function isSameSpecial(spot: Spot, node: Node, existing: EntryStat): boolean {
  switch (node.type) {
    case 'symlink':
      return existing.isSymbolicLink() && compareBytes(linkTarget(spot), node.target ?? new Uint8Array()) === 0;
    case 'fifo':
      return existing.isFIFO();
    case 'socket':
      return existing.isSocket();
    default:
      // Devices are made anew: cheap, and their numbers need no comparing.
      return false;
  }
}

function linkTarget(spot: Spot): Uint8Array {
  return spot.directory.use((at) => fs.readlinkSync(at(spot.name), { encoding: 'buffer' }));
}

function specialEntry(node: Node, metadata: EntryMetadata): SpecialEntry {
  switch (node.type) {
    case 'symlink':
      return { type: 'symlink', target: node.target ?? new Uint8Array(), metadata };
    case 'fifo':
    case 'socket':
      return { type: node.type, metadata };
    case 'chardev':
    case 'blockdev':
      if (node.rdev === undefined) throw hostile('a device without a number');
      return { type: node.type, rdev: node.rdev, metadata };
    default:
      throw hostile(`an entry of type ${node.type} where none can be`);
  }
}
