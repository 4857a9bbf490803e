/** One entry of a directory: what is there already, and what has to be done. */
import fs from 'node:fs';
import { compareBytes } from '../../core/bytes.ts';
import { throwIfAborted } from '../../core/concurrency.ts';
import type { EntryMetadata } from '../../fs/apply.ts';
import { joinPath } from '../../fs/path.ts';
import type { RestoreTarget } from '../../fs/writer.ts';
import type { TargetDirectory } from '../../fs/writer-directory.ts';
import type { SpecialEntry } from '../../fs/writer-place.ts';
import { readXattrs } from '../../fs/xattr.ts';
import { contentPieces, loadContent } from '../../snapshot/content.ts';
import { decodeExtents } from '../../snapshot/extents.ts';
import type { Node } from '../../snapshot/node.ts';
import type { Context, RestoreAction } from './context.ts';
import { closeQuietly, hasContent, isKept, pieceBatches } from './existing.ts';
import { FileWork } from './file-work.ts';
import { Layout } from './layout.ts';
import { HardLinks } from './links.ts';
import { hostile } from './loader.ts';
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
  async restore(place: Place, node: Node, name: Uint8Array): Promise<void> {
    const { tally } = this.#context;
    if (++this.#count % BREATH === 0) await this.#breathe();
    throwIfAborted(this.#context.signal);
    if (node.type === 'file') {
      tally.plannedFiles += 1;
      tally.plannedBytes += node.size;
    }
    try {
      if (this.#context.mode !== 'restore') await this.#show(place, node, name);
      else await this.#entry(place, node, name);
    } catch (error) {
      tally.fail(place.pathOf(name), error);
    }
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

  async #entry(place: Place, node: Node, name: Uint8Array): Promise<void> {
    const spot = { target: place.target, directory: place.ensure(), name };
    const first = this.links.first(spot.target, node);
    const existing = place.isNew ? undefined : spot.target.stat(spot.directory, name);
    if (existing !== undefined && isKept(this.#context.overwrite, node, existing)) {
      if (node.type === 'file') this.#context.tally.filesSkipped += 1;
      // A kept file stands for the saved one only if it is that: other names must not become what the user has here.
      const stands = first === undefined && node.links > 1 && (await this.#isSame(spot, node, existing));
      if (stands) this.links.remember(node, spot, undefined);
      return;
    }
    if (first !== undefined) return this.links.add(first, spot.directory, name, node.type);
    const metadata = await this.#context.metadata.of(node, spot.directory.pathOf(name));
    if (node.type === 'file') return this.#file(spot, node, metadata, existing);
    if (this.#special(spot, node, metadata, existing)) this.links.remember(node, spot, undefined);
  }

  async #isSame(spot: Spot, node: Node, existing: fs.BigIntStats): Promise<boolean> {
    return node.type === 'file' ? this.#isSameFile(spot, node, existing) : isSameSpecial(spot, node, existing);
  }

  async #layout(node: Node): Promise<Layout> {
    const { extents, extentContent } = node;
    if (extentContent === undefined) return new Layout(node.size, extents);
    return new Layout(node.size, decodeExtents(await loadContent(this.#context.load, extentContent)));
  }

  async #file(spot: Spot, node: Node, metadata: EntryMetadata, existing: fs.BigIntStats | undefined): Promise<void> {
    const same = existing?.isFile() === true && (await this.#isSameFile(spot, node, existing));
    if (same && this.#touch(spot, node, metadata, existing)) {
      this.#context.tally.filesUnchanged += 1;
      this.links.remember(node, spot, undefined);
      return;
    }
    const layout = await this.#layout(node);
    const local = existing?.isFile() === true ? spot.target.openExisting(spot.directory, spot.name) : undefined;
    try {
      await this.#write(spot, node, metadata, layout, local);
    } finally {
      if (local !== undefined) closeQuietly(local);
    }
  }

  async #isSameFile(spot: Spot, node: Node, existing: fs.BigIntStats): Promise<boolean> {
    const { overwrite, verify } = this.#context;
    if (!existing.isFile() || existing.size !== BigInt(node.size)) return false;
    if (overwrite !== 'always' && !verify && existing.mtimeNs === node.mtime) return true;
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
  #touch(spot: Spot, node: Node, metadata: EntryMetadata, existing: fs.BigIntStats): boolean {
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

  /** @param local an older copy, whose equal chunks are not fetched */
  async #write(
    spot: Spot,
    node: Node,
    metadata: EntryMetadata,
    layout: Layout,
    local: number | undefined,
  ): Promise<void> {
    const { content } = node;
    const whole = content?.type === 'slice' || (content?.type === 'chunks' && content.chunks.length === 1);
    const how = { overwrite: this.#context.overwrite !== 'never', whole };
    const work = new FileWork(spot, node, metadata, layout, how);
    this.links.remember(node, spot, work);
    try {
      if (local !== undefined && !whole) await this.#compare(work, local);
      else await this.#plan(work);
      layout.finish();
    } catch (error) {
      work.abandon();
      throw error;
    }
    await this.#schedule.planned(work);
  }

  async #plan(work: FileWork): Promise<void> {
    const { node, layout } = work;
    for await (const piece of contentPieces(this.#context.load, node.content, layout.length)) {
      const segments = layout.take(piece.from, piece.to - piece.from);
      await this.#schedule.add(work, piece.key, piece.length, segments);
    }
  }

  /** Equal chunks are copied from the old file, the others planned. */
  async #compare(work: FileWork, local: number): Promise<void> {
    const { node, layout } = work;
    for await (const pieces of pieceBatches(this.#context, node, layout)) {
      const held = work.acquire();
      const to = held.type === 'open' ? held.fd : undefined;
      let equal: readonly boolean[];
      try {
        const job = { type: 'match' as const, from: local, pieces, ...(to === undefined ? {} : { to }) };
        ({ equal } = await this.#context.pool.run<'match'>(job));
      } finally {
        work.release();
      }
      for (const [at, piece] of pieces.entries()) {
        layout.take(0, piece.length);
        if (equal[at] !== true) await this.#schedule.addPiece(work, piece);
      }
    }
  }

  /** False when it was refused. */
  #special(spot: Spot, node: Node, metadata: EntryMetadata, existing: fs.BigIntStats | undefined): boolean {
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

function isSameSpecial(spot: Spot, node: Node, existing: fs.BigIntStats): boolean {
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
