import type { EventSink } from '../../core/events.ts';
import type { ContentKey } from '../../core/ids.ts';
import { readFileFlags } from '../../fs/flags.ts';
import { asBuffer } from '../../fs/path.ts';
import { type FileStat, readLink } from '../../fs/stat.ts';
import {
  type EnterEvent,
  type EntryEvent,
  type ErrorEvent,
  type WalkEvent,
  type WalkFilter,
  type WalkOptions,
  walk,
} from '../../fs/walk.ts';
import { readXattrs, readXattrsOf, type Xattrs } from '../../fs/xattr.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { Content, Node } from '../../snapshot/node.ts';
import type { LoadBlob, SaveBlob } from '../../snapshot/tree.ts';
import { DirectoryAssembly, type Slot } from './assembly.ts';
import { BundleUse } from './bundle-use.ts';
import type { FileStore } from './file-store.ts';
import type { FileFacts, FileFailure } from './jobs.ts';
import { KeptFiles } from './kept.ts';
import { HardLinks, type SharedNode } from './links.ts';
import { directoryAbove, dropUndefined, type NodeMaker } from './node-of.ts';
import { type Candidate, isUnchanged, ParentDirectory, type ParentTree, type UnchangedRules } from './parent.ts';
import type { Source, SourceTree } from './sources.ts';

export interface ScanOptions {
  readonly repository: IndexedRepository;
  readonly store: FileStore;
  readonly maker: NodeMaker;
  readonly save: SaveBlob;
  readonly packXattrs: (xattrs: Xattrs['attributes']) => Pick<Node, 'xattrs' | 'xattrContent'>;
  readonly load: LoadBlob;
  readonly filter: (source: Source) => WalkFilter<unknown> | undefined;
  readonly oneFileSystem: boolean;
  readonly rules: UnchangedRules;
  /** Bundles whose files are to be read and bundled anew. */
  readonly rebundle: ReadonlySet<string>;
  /** Resolves when what was made so far is on its way. @throws what storing failed with */
  readonly room: () => Promise<void>;
  readonly events: EventSink;
  readonly signal: AbortSignal | undefined;
}

/** Files and bytes so far, for progress and summary. */
export class ScanCounters {
  filesNew = 0;
  filesChanged = 0;
  filesUnmodified = 0;
  directories = 0;
  bytesProcessed = 0;
  errors = 0;
  current: Uint8Array = new Uint8Array();
}

interface Frame {
  readonly assembly: DirectoryAssembly;
  readonly parent: ParentDirectory | undefined;
  readonly slot: Slot;
  readonly node: Node;
  /** Not to be recorded when nothing in it is. */
  readonly onlyToReach: boolean;
}

/** The walk of one source. */
interface Branch {
  /** Of the source in the snapshot. */
  readonly name: Uint8Array;
  readonly assembly: DirectoryAssembly;
  readonly parent: ParentDirectory | undefined;
  readonly isRoot: boolean;
  readonly stack: Frame[];
  depth: number;
}

/** The event loop must turn while many unchanged files are walked. */
const TURN_EVERY = 512;
/** Entries of the walk, files and directories: docs/format.md, section 6, Bundles. */
const MARK_EVERY = 16_384;

export class Scan {
  readonly counters = new ScanCounters();
  readonly bundleUse = new BundleUse();
  readonly #options: ScanOptions;
  readonly #links = new HardLinks();
  readonly #kept: KeptFiles;
  /** Files to be read after the walk: an earlier name of theirs came to nothing. */
  #late: (() => Promise<void>)[] = [];
  #steps = 0;

  constructor(options: ScanOptions) {
    this.#options = options;
    this.#kept = new KeptFiles(options);
  }

  get interrupted(): boolean {
    return this.#options.signal?.aborted === true;
  }

  /** Resolves with the root's key once every entry is settled: after the store has finished. */
  async run(tree: SourceTree, parents: readonly ParentTree[]): Promise<{ readonly root: Promise<ContentKey> }> {
    const { promise, resolve } = Promise.withResolvers<ContentKey>();
    const assembly = this.#assembly();
    const parent = parents.length === 0 ? undefined : new ParentDirectory(this.#options.load, parents);
    if (tree.source === undefined) await this.#branches(tree, assembly, parent);
    else await this.#source(tree.source, tree.source.path, assembly, parent, true);
    assembly.end(resolve);
    return { root: promise };
  }

  #assembly(): DirectoryAssembly {
    const { save, repository } = this.#options;
    return new DirectoryAssembly(save, (bytes) => repository.engine.blake3(bytes));
  }

  /** Directories above the sources. */
  async #branches(tree: SourceTree, assembly: DirectoryAssembly, parent: ParentDirectory | undefined): Promise<void> {
    for (const { name, tree: child } of tree.children) {
      if (child.source !== undefined) {
        await this.#source(child.source, name, assembly, parent, false);
        continue;
      }
      const before = await this.#find(parent, name);
      const slot = assembly.reserve();
      const inner = this.#assembly();
      const node = this.#options.maker.make(name, directoryAbove(child.path));
      await this.#branches(child, inner, ParentDirectory.below(this.#options.load, before));
      inner.end((key) => assembly.settle(slot, { ...node, tree: key }));
    }
  }

  /** `isRoot`: the source is `/` of the snapshot; its entries go into the given assembly. */
  async #source(
    source: Source,
    name: Uint8Array,
    assembly: DirectoryAssembly,
    parent: ParentDirectory | undefined,
    isRoot: boolean,
  ): Promise<void> {
    const filter = this.#options.filter(source);
    const options: WalkOptions<unknown> = {
      oneFileSystem: this.#options.oneFileSystem,
      ...(filter === undefined ? {} : { filter }),
    };
    const branch: Branch = { name, assembly, parent, isRoot, stack: [], depth: 0 };
    for (const event of walk(source.path, options)) {
      if (this.interrupted) break;
      await this.#turn();
      await this.#event(branch, event);
    }
    while (branch.stack.length > 0) this.#leave(branch);
  }

  async #event(branch: Branch, event: WalkEvent): Promise<void> {
    switch (event.kind) {
      case 'enter':
        if (!(branch.isRoot && branch.depth === 0)) branch.stack.push(await this.#enter(branch, event));
        branch.depth += 1;
        break;
      case 'leave':
        branch.depth -= 1;
        this.#leave(branch);
        break;
      case 'entry':
        await this.#entry(branch, event);
        break;
      case 'error':
        this.#walkError(event);
        break;
      case 'excluded':
        break;
    }
  }

  async #turn(): Promise<void> {
    this.#steps += 1;
    if (this.#steps % TURN_EVERY !== 0) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    await this.#options.room();
    if (this.#steps % MARK_EVERY === 0) await this.#options.store.mark();
  }

  async #enter(branch: Branch, event: EnterEvent): Promise<Frame> {
    const { into, parent, name } = placeIn(branch, event);
    this.counters.directories += 1;
    const slot = into.reserve();
    const xattrs = event.fd === undefined ? readXattrs(event.access) : readXattrsOf(event.fd);
    const flags = event.fd === undefined ? 0 : readFileFlags(event.fd);
    const node: Node = {
      ...this.#options.maker.make(name, event.stat),
      ...this.#xattrs(event.path, xattrs),
      ...(typeof flags === 'number' && flags !== 0 ? { flags } : {}),
    };
    const before = await this.#find(parent, name);
    return {
      assembly: this.#assembly(),
      parent: ParentDirectory.below(this.#options.load, before),
      slot,
      node,
      onlyToReach: event.onlyToReach,
    };
  }

  #leave(branch: Branch): void {
    this.#options.store.endDirectory();
    const frame = branch.stack.pop();
    const above = branch.stack.at(-1)?.assembly ?? branch.assembly;
    frame?.assembly.end((tree, entries) => {
      above.settle(frame.slot, frame.onlyToReach && entries === 0 ? null : { ...frame.node, tree });
    });
  }

  async #find(parent: ParentDirectory | undefined, name: Uint8Array): Promise<readonly Candidate[]> {
    return parent === undefined ? [] : parent.find(name);
  }

  async #entry(branch: Branch, event: EntryEvent): Promise<void> {
    const { into, parent, name } = placeIn(branch, event);
    const slot = into.reserve();
    const settle = (node: SharedNode): void => into.settle(slot, node === null ? null : { ...node, name });
    const { stat } = event;
    if (stat.links === 1) return this.#save(event, name, await this.#find(parent, name), settle);
    const shared = (node: SharedNode): void => {
      settle(node);
      this.#links.settle(stat, node);
    };
    const path = event.path.slice();
    const retry = (): void => {
      if (this.interrupted) shared(null);
      else this.#late.push(() => this.#read(path, stat, name, undefined, shared));
    };
    if (!this.#links.isFirst(stat, { settled: settle, retry })) return;
    return this.#save(event, name, await this.#find(parent, name), shared);
  }

  /** Hands over what was put off; true if there was something. Only once the store has finished. */
  async readLate(): Promise<boolean> {
    const late = this.#late;
    this.#late = [];
    for (const read of late) await read();
    return late.length > 0;
  }

  async #save(
    event: EntryEvent,
    name: Uint8Array,
    candidates: readonly Candidate[],
    settle: (node: SharedNode) => void,
  ): Promise<void> {
    if (event.stat.type !== 'file') return settle(this.#special(event, name));
    this.counters.bytesProcessed += event.stat.size;
    for (const candidate of candidates) {
      if (!(await this.#kept.isKept(candidate, event.stat))) continue;
      this.counters.filesUnmodified += 1;
      return settle(this.#unmodified(event, name, candidate.node));
    }
    const before = candidates[0]?.node;
    if (before?.type === 'file') this.counters.filesChanged += 1;
    else this.counters.filesNew += 1;
    return this.#read(event.path, event.stat, name, before, settle);
  }

  async #read(
    path: Uint8Array,
    stat: FileStat,
    name: Uint8Array,
    before: Node | undefined,
    settle: (node: SharedNode) => void,
  ): Promise<void> {
    this.counters.current = path;
    const given = this.#kept.isGivenUp(before);
    await this.#options.store.add({
      request: { path: asBuffer(path).toString('latin1'), inode: stat.inode, device: stat.device },
      size: stat.size,
      survivor: given && before !== undefined && isUnchanged(before, stat, this.#options.rules),
      before: before === undefined || given ? undefined : this.#kept.sliceOf(before),
      stored: (facts, content) => settle(this.#stored(path, name, facts, content)),
      failed: (failure) => settle(this.#failed(path, failure)),
    });
  }

  /** Null when it vanished meanwhile. */
  #special(event: EntryEvent, name: Uint8Array): Node | null {
    const node = {
      ...this.#options.maker.make(name, event.stat),
      ...this.#xattrs(event.path, readXattrs(event.access)),
    };
    if (event.stat.type !== 'symlink') return node;
    try {
      return { ...node, target: readLink(event.access).slice() };
    } catch (error) {
      this.#fileError(event.path, `cannot read symlink: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  }

  /** The parent's content, under today's metadata; the file is not opened. */
  #unmodified(event: EntryEvent, name: Uint8Array, before: Node): Node {
    const { xattrs, xattrContent, extents, extentContent, content, contentHash, flags } = before;
    this.bundleUse.add(before, event.stat.size);
    const kept =
      before.ctime === event.stat.ctime
        ? dropUndefined({ xattrs, xattrContent })
        : this.#xattrs(event.path, readXattrs(event.access));
    return {
      ...this.#options.maker.make(name, event.stat),
      ...kept,
      ...dropUndefined({ extents, extentContent, content, contentHash, flags }),
    };
  }

  #stored(path: Uint8Array, name: Uint8Array, facts: FileFacts, content: Content | undefined): Node {
    this.bundleUse.add({ ...facts, ...(content === undefined ? {} : { content }) }, facts.stat.size);
    if (facts.unstable) this.#fileError(path, 'it changed while it was read: the next snapshot reads it again');
    for (const problem of facts.problems) this.#fileError(path, problem);
    const { xattrs, xattrContent, extents, extentContent, hash } = facts;
    return {
      ...this.#options.maker.make(name, facts.stat),
      ...dropUndefined({ xattrs, xattrContent, extents, extentContent, content, contentHash: hash }),
      ...(facts.flags === 0 ? {} : { flags: facts.flags }),
    };
  }

  #failed(path: Uint8Array, failure: FileFailure): null {
    if (failure.code === 'stopped') return null;
    const vanished = failure.code === 'ENOENT' || failure.code === 'CHANGED';
    this.#fileError(path, vanished ? 'it vanished before it could be read' : failure.message);
    return null;
  }

  #xattrs(path: Uint8Array, xattrs: Xattrs): Pick<Node, 'xattrs' | 'xattrContent'> {
    for (const { code } of xattrs.problems) {
      if (code !== 'UNAVAILABLE') this.#fileError(path, `extended attributes: ${code}`);
    }
    return xattrs.attributes.length === 0 ? {} : this.#options.packXattrs(xattrs.attributes);
  }

  #walkError(event: ErrorEvent): void {
    const what = event.vanished ? 'it vanished before it could be read' : `cannot ${event.operation}: ${event.message}`;
    this.#fileError(event.path, what, event.code);
  }

  #fileError(path: Uint8Array, message: string, code?: string): void {
    this.counters.errors += 1;
    this.#options.events({ type: 'warning', path, message, ...(code === undefined ? {} : { code }) });
  }
}

/** Where an entry goes, what it is compared with, and under which name. */
function placeIn(
  branch: Branch,
  event: EnterEvent | EntryEvent,
): { into: DirectoryAssembly; parent: ParentDirectory | undefined; name: Uint8Array } {
  const top = branch.stack.at(-1);
  const name = branch.depth === 0 ? branch.name : event.name.slice();
  return top === undefined
    ? { into: branch.assembly, parent: branch.parent, name }
    : { into: top.assembly, parent: top.parent, name };
}
