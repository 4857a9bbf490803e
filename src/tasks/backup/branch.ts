/** Where the walk of a source stands. */
import type { EnterEvent, EntryEvent, SkippedEvent } from '../../fs/walk.ts';
import type { Node } from '../../snapshot/node.ts';
import type { DirectoryAssembly, Slot } from './assembly.ts';
import type { DirectoryRecord } from './directory-record.ts';
import type { ParentDirectory } from './parent.ts';

export interface Frame {
  readonly assembly: DirectoryAssembly;
  readonly parent: ParentDirectory | undefined;
  readonly slot: Slot;
  readonly node: Node;
  /** The directory's node in the snapshot before, if `node` is the same but for its tree. */
  readonly before: Node | undefined;
  /** Not to be recorded when nothing in it is. */
  readonly onlyToReach: boolean;
  readonly record: DirectoryRecord | undefined;
}

/** The walk of one source. */
export interface Branch {
  /** Of the source in the snapshot. */
  readonly name: Uint8Array;
  readonly assembly: DirectoryAssembly;
  readonly parent: ParentDirectory | undefined;
  readonly isRoot: boolean;
  readonly stack: Frame[];
  depth: number;
  /** Of the source itself, where it has no frame: it is walked each time, and what is below need not be. */
  record: DirectoryRecord | undefined;
}

/** Where an entry goes, what it is compared with, and under which name. */
export function placeIn(
  branch: Branch,
  event: EnterEvent | EntryEvent | SkippedEvent,
): {
  into: DirectoryAssembly;
  parent: ParentDirectory | undefined;
  name: Uint8Array;
  record: DirectoryRecord | undefined;
} {
  const top = branch.stack.at(-1);
  const name = branch.depth === 0 ? branch.name : event.name;
  return top === undefined
    ? { into: branch.assembly, parent: branch.parent, name, record: branch.record }
    : { into: top.assembly, parent: top.parent, name, record: top.record };
}
