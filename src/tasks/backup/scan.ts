import { equalBytes } from '../../core/bytes.ts';
import { whenReady } from '../../core/concurrency.ts';
import { NeoError } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import { type ContentKey, contentKey } from '../../core/ids.ts';
import { asBuffer } from '../../fs/path.ts';
import type { FileStat } from '../../fs/stat.ts';
import {
  type EnterEvent,
  type EntryEvent,
  type ErrorEvent,
  type SkippedEvent,
  type WalkEvent,
  type WalkFilter,
  type WalkOptions,
  walk,
} from '../../fs/walk.ts';
import type { Xattrs } from '../../fs/xattr.ts';
import type { IndexedRepository } from '../../repo/indexed.ts';
import type { Node } from '../../snapshot/node.ts';
import type { LoadBlob, SaveBlob } from '../../snapshot/tree.ts';
import { DirectoryAssembly, type TreeBefore } from './assembly.ts';
import { type Branch, type Frame, placeIn } from './branch.ts';
import { BundleUse } from './bundle-use.ts';
import type { FilesRecord } from './directory-record.ts';
import { EntryNodes } from './entry-nodes.ts';
import type { FileStore } from './file-store.ts';
import { KeptFiles } from './kept.ts';
import { ENTERED, LINKED, WHOLE } from './known-blocks.ts';
import type { KnownTrees } from './known-trees.ts';
import { HardLinks, type SharedNode } from './links.ts';
import { directoryAbove, type NodeMaker } from './node-of.ts';
import { type Candidate, isUnchanged, ParentDirectory, type ParentTree, type UnchangedRules } from './parent.ts';
import { ScanCounters } from './scan-counters.ts';
import type { Source, SourceTree } from './sources.ts';

export interface ScanOptions {
  readonly repository: IndexedRepository;
  readonly store: FileStore;
  readonly maker: NodeMaker;
  readonly save: SaveBlob;
  readonly packXattrs: (xattrs: Xattrs['attributes']) => Pick<Node, 'xattrs' | 'xattrContent'>;
  readonly load: LoadBlob;
  /** A directory in which nothing changed keeps its blob, and is not even encoded. */
  readonly keepTrees: boolean;
  readonly filter: (source: Source) => WalkFilter<unknown> | undefined;
  readonly oneFileSystem: boolean;
  readonly rules: UnchangedRules;
  /** Bundles whose files are to be read and bundled anew. */
  readonly rebundle: ReadonlySet<string>;
  /** Resolves when what was made so far is on its way. @throws what storing failed with */
  readonly room: () => Promise<void>;
  /** Directories that need not be walked. */
  readonly known: KnownTrees | undefined;
  /** What the walk sees, for the next run. */
  readonly record: FilesRecord | undefined;
  readonly events: EventSink;
  readonly signal: AbortSignal | undefined;
}

/** `same`: the node is that of the snapshot before, in all. */
type Settle = (node: Node | null, same?: boolean) => void;

const NOTHING: readonly Candidate[] = [];
const NO_TREE = contentKey(new Uint8Array(32));

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
  readonly #nodes: EntryNodes;
  /** Files to be read after the walk: an earlier name of theirs came to nothing. */
  #late: (() => Promise<void>)[] = [];
  #steps = 0;

  constructor(options: ScanOptions) {
    this.#options = options;
    this.#kept = new KeptFiles(options);
    this.#nodes = new EntryNodes({ ...options, onProblem: (...problem) => this.#fileError(...problem) });
  }

  get interrupted(): boolean {
    return this.#options.signal?.aborted === true;
  }

  /** Resolves with the root's key once every entry is settled: after the store has finished. */
  async run(tree: SourceTree, parents: readonly ParentTree[]): Promise<{ readonly root: Promise<ContentKey> }> {
    const { promise, resolve } = Promise.withResolvers<ContentKey>();
    const assembly = this.#assembly(undefined);
    const parent = parents.length === 0 ? undefined : new ParentDirectory(this.#options.load, parents);
    if (tree.source === undefined) await this.#branches(tree, assembly, parent);
    else await this.#source(tree.source, tree.source.path, assembly, parent, true);
    assembly.end(resolve);
    return { root: promise };
  }

  #assembly(parent: ParentDirectory | undefined): DirectoryAssembly {
    const { save, repository, keepTrees } = this.#options;
    const before = parent === undefined || !keepTrees ? undefined : this.#treeBefore(parent);
    return new DirectoryAssembly(save, (bytes) => repository.engine.blake3(bytes), before);
  }

  #treeBefore(parent: ParentDirectory): TreeBefore {
    return () => {
      const { whole } = parent;
      return whole?.parts.every((key) => this.#kept.has(key)) === true ? whole : undefined;
    };
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
      const inner = this.#assembly(undefined);
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
    const { known } = this.#options;
    known?.look(source.path);
    const options: WalkOptions<unknown> = {
      oneFileSystem: this.#options.oneFileSystem,
      ...(known === undefined || isRoot
        ? {}
        : { skips: (path) => known.at(asBuffer(path).toString('latin1')) !== undefined }),
      ...(filter === undefined ? {} : { filter }),
    };
    const branch: Branch = { name, assembly, parent, isRoot, stack: [], depth: 0, record: undefined };
    for (const event of walk(source.path, options)) {
      if (this.interrupted) break;
      // Nothing is waited for that is there already: a promise for each of a million entries costs more than the entry.
      const turn = this.#turn();
      if (turn !== undefined) await turn;
      const done = this.#event(branch, event);
      if (done !== undefined) await done;
    }
    while (branch.stack.length > 0) this.#leave(branch);
    branch.record?.finish(NO_TREE);
  }

  #event(branch: Branch, event: WalkEvent): void | Promise<void> {
    switch (event.kind) {
      case 'enter':
        return this.#entered(branch, event);
      case 'leave':
        branch.depth -= 1;
        return whenReady(branch.stack.at(-1)?.parent?.finish(), () => this.#leave(branch));
      case 'entry':
        return this.#entry(branch, event);
      case 'skipped':
        return this.#skipped(branch, event);
      case 'error':
        branch.stack.at(-1)?.record?.taint();
        return this.#walkError(event);
      case 'excluded':
        (branch.stack.at(-1)?.record ?? branch.record)?.leftOut(event.name, event.stat);
        return;
    }
  }

  async #entered(branch: Branch, event: EnterEvent): Promise<void> {
    if (branch.isRoot && branch.depth === 0) {
      branch.record = this.#options.record?.directory(event.path, event.stat);
      branch.record?.taint();
    } else {
      branch.stack.push(await this.#enter(branch, event));
    }
    branch.depth += 1;
  }

  #turn(): Promise<void> | undefined {
    this.#steps += 1;
    return this.#steps % TURN_EVERY === 0 ? this.#pause() : undefined;
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    await this.#options.room();
    if (this.#steps % MARK_EVERY === 0) await this.#options.store.mark();
  }

  async #enter(branch: Branch, event: EnterEvent): Promise<Frame> {
    const { into, parent, name, record: above } = placeIn(branch, event);
    this.counters.directories += 1;
    above?.add(event.name, event.stat, ENTERED);
    const record = this.#options.record?.directory(event.path, event.stat);
    if (event.fd === undefined || event.onlyToReach) record?.taint();
    const slot = into.reserve();
    const candidates = await this.#find(parent, name);
    const before = this.#nodes.sameAsBefore(candidates, event.stat);
    const inner = ParentDirectory.below(this.#options.load, candidates);
    return {
      assembly: this.#assembly(inner),
      parent: inner,
      slot,
      node: before ?? this.#nodes.directory(event, name),
      before,
      onlyToReach: event.onlyToReach,
      record,
    };
  }

  /** Nothing in it or below has changed: its tree stays. */
  async #skipped(branch: Branch, event: SkippedEvent): Promise<void> {
    const { known, record } = this.#options;
    const tree = known?.at(asBuffer(event.path).toString('latin1'));
    if (known === undefined || tree === undefined) throw new NeoError('failed', 'a directory was skipped unknown');
    const { into, parent, name, record: above } = placeIn(branch, event);
    above?.add(event.name, event.stat, ENTERED);
    record?.keep(tree, known.bundles);
    this.counters.addKnown(tree);
    this.bundleUse.addKnown(tree, known.bundles);
    const slot = into.reserve();
    const before = this.#nodes.sameAsBefore(await this.#find(parent, name), event.stat);
    const same = before?.tree !== undefined && equalBytes(before.tree, tree.root.tree);
    into.settle(slot, same ? before : { ...this.#nodes.reopened(event, name), tree: tree.root.tree }, same);
  }

  #leave(branch: Branch): void {
    this.#options.store.endDirectory();
    const frame = branch.stack.pop();
    const above = branch.stack.at(-1)?.assembly ?? branch.assembly;
    frame?.assembly.end((tree, entries) => {
      const { before } = frame;
      frame.record?.finish(tree);
      if (frame.onlyToReach && entries === 0) above.settle(frame.slot, null);
      else if (before?.tree !== undefined && equalBytes(before.tree, tree)) above.settle(frame.slot, before, true);
      else above.settle(frame.slot, { ...frame.node, tree });
    });
  }

  #find(parent: ParentDirectory | undefined, name: Uint8Array): readonly Candidate[] | Promise<readonly Candidate[]> {
    return parent === undefined ? NOTHING : parent.find(name);
  }

  #entry(branch: Branch, event: EntryEvent): void | Promise<void> {
    const { into, parent, name, record } = placeIn(branch, event);
    const slot = into.reserve();
    const { stat } = event;
    record?.add(event.name, stat, stat.links > 1 ? LINKED : WHOLE);
    const settle: Settle = (node, same) => {
      record?.settled(node);
      into.settle(slot, node, same);
    };
    if (stat.links > 1) return this.#linked(event, name, parent, settle);
    if (stat.type === 'file') record?.count(stat.size);
    return whenReady(this.#find(parent, name), (candidates) => this.#save(event, name, candidates, settle));
  }

  /** One name of several. */
  async #linked(
    event: EntryEvent,
    name: Uint8Array,
    parent: ParentDirectory | undefined,
    place: (node: Node | null) => void,
  ): Promise<void> {
    const { stat } = event;
    const settle = (node: SharedNode): void => place(node === null ? null : { ...node, name });
    const shared = (node: SharedNode): void => {
      settle(node);
      this.#links.settle(stat, node);
    };
    const path = event.path.slice();
    const retry = (): void => {
      if (this.interrupted) shared(null);
      else this.#late.push(async () => this.#read(path, stat, name, undefined, this.#counted(stat, shared)));
    };
    if (!this.#links.isFirst(stat, { settled: settle, retry })) return;
    this.counters.walkedLinked(stat);
    return this.#save(event, name, await this.#find(parent, name), shared);
  }

  /** Hands over what was put off; true if there was something. Only once the store has finished. */
  async readLate(): Promise<boolean> {
    const late = this.#late;
    this.#late = [];
    for (const read of late) await read();
    return late.length > 0;
  }

  #save(event: EntryEvent, name: Uint8Array, candidates: readonly Candidate[], settle: Settle): void | Promise<void> {
    if (event.stat.type !== 'file') {
      const same = this.#nodes.sameAsBefore(candidates, event.stat);
      return same === undefined ? settle(this.#nodes.special(event, name)) : settle(same, true);
    }
    this.counters.bytesProcessed += event.stat.size;
    const [first, second] = candidates;
    if (second !== undefined) return this.#saveLikeAny(event, name, candidates, settle);
    const isKept = first === undefined ? false : this.#kept.isKept(first, event.stat);
    return whenReady(isKept, (kept) => this.#saveLike(event, name, first, kept, settle));
  }

  async #saveLikeAny(
    event: EntryEvent,
    name: Uint8Array,
    candidates: readonly Candidate[],
    settle: Settle,
  ): Promise<void> {
    for (const candidate of candidates) {
      if (await this.#kept.isKept(candidate, event.stat)) return this.#saveLike(event, name, candidate, true, settle);
    }
    return this.#saveLike(event, name, candidates[0], false, settle);
  }

  #saveLike(
    event: EntryEvent,
    name: Uint8Array,
    candidate: Candidate | undefined,
    kept: boolean,
    settle: Settle,
  ): void | Promise<void> {
    const before = candidate?.node;
    if (before !== undefined && kept) {
      this.counters.filesUnmodified += 1;
      this.bundleUse.add(before, event.stat.size);
      const same = this.#nodes.isSame(before, event.stat);
      return settle(same ? before : this.#nodes.unmodified(event, name, before), same);
    }
    const kind = before?.type === 'file' ? 'filesChanged' : 'filesNew';
    this.counters[kind] += 1;
    const { size } = event.stat;
    return this.#read(event.path, event.stat, name, before, (node) => {
      if (node === null) this.counters.uncount(kind, size);
      settle(node);
    });
  }

  /** By another name, after the first one could not be read. */
  #counted({ size }: FileStat, settle: (node: SharedNode) => void): (node: SharedNode) => void {
    return (node) => {
      if (node !== null) {
        this.counters.filesNew += 1;
        this.counters.bytesProcessed += size;
      }
      settle(node);
    };
  }

  #read(
    path: Uint8Array,
    stat: FileStat,
    name: Uint8Array,
    before: Node | undefined,
    settle: (node: Node | null) => void,
  ): void | Promise<void> {
    this.counters.current = path;
    const given = this.#kept.isGivenUp(before);
    return this.#options.store.add({
      path: asBuffer(path).toString('latin1'),
      stat,
      survivor: given && before !== undefined && isUnchanged(before, stat, this.#options.rules),
      before: before === undefined || given ? undefined : this.#kept.sliceOf(before),
      stored: (facts, content) => {
        this.bundleUse.add({ ...facts, ...(content === undefined ? {} : { content }) }, facts.stat.size);
        settle(this.#nodes.stored(path, name, facts, content));
      },
      failed: (failure) => settle(this.#nodes.failed(path, failure)),
    });
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
