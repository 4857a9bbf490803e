/** Nodes of what the walk meets: made from what the system says, or taken over from the snapshot before. */
import { closeSync } from 'node:fs';
import { openDirectory } from '../../fs/directory.ts';
import { readFileFlags } from '../../fs/flags.ts';
import { type FileStat, readLink } from '../../fs/stat.ts';
import type { EnterEvent, EntryEvent, SkippedEvent } from '../../fs/walk.ts';
import { readXattrs, readXattrsOf, type Xattrs } from '../../fs/xattr.ts';
import type { Content, Node } from '../../snapshot/node.ts';
import { type FileFacts, type FileFailure, isPlain } from './jobs.ts';
import { dropUndefined, type NodeMaker } from './node-of.ts';
import { type Candidate, mayHaveChanged } from './parent.ts';

export interface EntryNodesOptions {
  readonly maker: NodeMaker;
  readonly packXattrs: (xattrs: Xattrs['attributes']) => Pick<Node, 'xattrs' | 'xattrContent'>;
  readonly onProblem: (path: Uint8Array, message: string) => void;
}

export class EntryNodes {
  readonly #options: EntryNodesOptions;

  constructor(options: EntryNodesOptions) {
    this.#options = options;
  }

  directory(event: EnterEvent, name: Uint8Array): Node {
    const xattrs = event.fd === undefined ? readXattrs(event.access) : readXattrsOf(event.fd);
    const flags = event.fd === undefined ? 0 : readFileFlags(event.fd);
    return {
      ...this.#options.maker.make(name, event.stat),
      ...this.#xattrs(event.path, xattrs),
      ...(typeof flags === 'number' && flags !== 0 ? { flags } : {}),
    };
  }

  /** Of a directory that the walk has not opened. */
  reopened(event: SkippedEvent, name: Uint8Array): Node {
    const fd = openDirectory(event.access);
    try {
      return this.directory({ ...event, kind: 'enter', fd, boundary: false, onlyToReach: false }, name);
    } finally {
      closeSync(fd);
    }
  }

  /** The node of the snapshot before, when nothing of it can have changed: attributes and flags change the ctime, too. */
  sameAsBefore(candidates: readonly Candidate[], stat: FileStat): Node | undefined {
    const [candidate] = candidates;
    if (candidate === undefined || mayHaveChanged(candidate)) return undefined;
    return this.#options.maker.gives(candidate.node, stat) ? candidate.node : undefined;
  }

  /** An unmodified file's node can stay as it is, metadata and all. */
  isSame(before: Node, stat: FileStat): boolean {
    return this.#options.maker.gives(before, stat);
  }

  /** Null when it vanished meanwhile. */
  special(event: EntryEvent, name: Uint8Array): Node | null {
    const node = {
      ...this.#options.maker.make(name, event.stat),
      ...this.#xattrs(event.path, readXattrs(event.access)),
    };
    if (event.stat.type !== 'symlink') return node;
    try {
      return { ...node, target: readLink(event.access).slice() };
    } catch (error) {
      this.#options.onProblem(
        event.path,
        `cannot read symlink: ${error instanceof Error ? error.message : String(error)}`,
      );
      return null;
    }
  }

  /** The parent's content, under today's metadata; the file is not opened. */
  unmodified(event: EntryEvent, name: Uint8Array, before: Node): Node {
    const { xattrs, xattrContent, extents, extentContent, content, contentHash, flags } = before;
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

  stored(path: Uint8Array, name: Uint8Array, facts: FileFacts, content: Content | undefined): Node {
    if (facts.unstable) this.#options.onProblem(path, 'it changed while it was read: the next snapshot reads it again');
    for (const problem of facts.problems) this.#options.onProblem(path, problem);
    const { xattrs, xattrContent, extents, extentContent, hash } = facts;
    if (isPlain(facts)) return this.#options.maker.makePlain({ name, stat: facts.stat, content, hash });
    return {
      ...this.#options.maker.make(name, facts.stat),
      ...dropUndefined({ xattrs, xattrContent, extents, extentContent, content, contentHash: hash }),
      ...(facts.flags === 0 ? {} : { flags: facts.flags }),
    };
  }

  failed(path: Uint8Array, failure: FileFailure): null {
    if (failure.code === 'stopped') return null;
    const vanished = failure.code === 'ENOENT' || failure.code === 'CHANGED';
    this.#options.onProblem(path, vanished ? 'it vanished before it could be read' : failure.message);
    return null;
  }

  #xattrs(path: Uint8Array, xattrs: Xattrs): Pick<Node, 'xattrs' | 'xattrContent'> {
    for (const { code } of xattrs.problems) {
      if (code !== 'UNAVAILABLE') this.#options.onProblem(path, `extended attributes: ${code}`);
    }
    return xattrs.attributes.length === 0 ? {} : this.#options.packXattrs(xattrs.attributes);
  }
}
