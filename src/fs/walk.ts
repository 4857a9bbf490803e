/**
 * A deterministic walk: depth first, names in the order of their bytes, directories between the files where their name
 * puts them. Synchronous calls inside (five times faster than the promises), pulled by the caller one event at a time,
 * so that the caller decides when to breathe.
 *
 * What goes wrong in the tree is an event, never an exception: the walk goes on with the next name.
 */
import { closeSync } from 'node:fs';
import { messageOf, systemCode } from '../core/errors.ts';
import { type DirectoryNames, hasName, openDirectory, readNames } from './directory.ts';
import { baseName, joinPath, pathOfLatin1 } from './path.ts';
import { descriptorPath, REACH_LIMIT, reachPath } from './reach.ts';
import { type FileStat, type FileType, fstatOf, isSameFile, lstatPath } from './stat.ts';

/** A directory as its filter sees it, before anything in it is looked at. */
export interface WalkDirectory {
  readonly path: Uint8Array;
  /** Short path for system calls; good until the directory is left. */
  readonly access: Uint8Array;
  /** Its own name; for a root its base name. */
  readonly name: Uint8Array;
  readonly stat: FileStat;
  /** Does it hold this name? */
  has(name: Uint8Array): boolean;
}

/** Says what is left out. `Scope` is what it keeps for a directory: rules in force, path within the root, … */
export interface WalkFilter<Scope> {
  /**
   * Called once for each directory that is entered (`parent` undefined: a root); reads its ignore files if it wants.
   * 'skip' leaves out the directory and all below it, although {@link decide} let it in.
   */
  enter(parent: Scope | undefined, directory: WalkDirectory): Scope | 'skip';
  /** Called for each name but the roots'. `size` is 0 for all but regular files. */
  decide(scope: Scope, name: Uint8Array, type: FileType, size: number): 'include' | 'exclude';
}

interface Place {
  /** Whole path, the root's as it was given. */
  readonly path: Uint8Array;
  readonly name: Uint8Array;
  /** Path for system calls, never too long; good until the next event is pulled (of `enter`: until its `leave`). */
  readonly access: Uint8Array;
}

export type WalkOperation = 'lstat' | 'open directory' | 'read directory';

export interface EnterEvent extends Place {
  readonly kind: 'enter';
  readonly stat: FileStat;
  /** Open until the next event is pulled (for attributes and flags); undefined where it could not be opened. */
  readonly fd: number | undefined;
  /** On another file system, and not read for that ({@link WalkOptions.oneFileSystem}). */
  readonly boundary: boolean;
}

export interface EntryEvent extends Place {
  /** `excluded`: the filter's word; a directory is then not entered. */
  readonly kind: 'entry' | 'excluded';
  readonly stat: FileStat;
}

export interface LeaveEvent extends Place {
  readonly kind: 'leave';
  /** False when names in it, or the directory itself, could not be read; vanished names do not count. */
  readonly complete: boolean;
}

export interface ErrorEvent {
  readonly kind: 'error';
  readonly path: Uint8Array;
  readonly operation: WalkOperation;
  /** The system's code (`EACCES`, …); `CYCLE`: a directory inside itself, through a bind mount. */
  readonly code: string;
  readonly message: string;
  /** It was listed, and is gone or replaced by now: nothing of it is to be recorded. */
  readonly vanished: boolean;
}

export type WalkEvent = EnterEvent | EntryEvent | LeaveEvent | ErrorEvent;

export interface WalkOptions<Scope> {
  readonly filter?: WalkFilter<Scope>;
  /** Directories on other file systems than the root's are recorded, empty, and not read. */
  readonly oneFileSystem?: boolean;
}

/**
 * Walks one root: a directory, or anything else (one event; a symlink is recorded, not followed). The events of a
 * directory: `enter`, those of its names, `leave`; one that cannot be read is entered and left with an `error` between.
 * All descriptors are closed when the walk ends or is given up (`return()`, a `break` out of for-of).
 */
export function walk<Scope>(root: Uint8Array, options: WalkOptions<Scope> = {}): Generator<WalkEvent, void, void> {
  return new Walker(options).run(root);
}

/** A directory that was entered and not yet left. */
interface Frame<Scope> extends Place {
  readonly names: readonly string[];
  next: number;
  complete: boolean;
  readonly scope: Scope | undefined;
  readonly identity: string;
  /** Stays open when paths below must go through it ({@link REACH_LIMIT}). */
  readonly held: number | undefined;
}

class Walker<Scope> {
  readonly #options: WalkOptions<Scope>;
  readonly #stack: Frame<Scope>[] = [];
  /** The directories on the stack, by device and inode. */
  readonly #entered = new Set<string>();
  #device = 0n;

  constructor(options: WalkOptions<Scope>) {
    this.#options = options;
  }

  *run(root: Uint8Array): Generator<WalkEvent, void, void> {
    const reached = attempt(root, 'lstat', () => reachPath(root));
    if ('kind' in reached) return yield reached;
    try {
      const place = { path: root, name: baseName(root), access: reached.path };
      const stat = look(place);
      if ('kind' in stat) return yield stat;
      this.#device = stat.device;
      yield* this.#visit(place, stat, undefined);
      for (let frame = this.#stack.at(-1); frame !== undefined; frame = this.#stack.at(-1)) {
        const name = frame.names[frame.next];
        frame.next += 1;
        if (name === undefined) yield this.#leave(frame);
        else yield* this.#child(frame, pathOfLatin1(name));
      }
    } finally {
      for (const frame of this.#stack) release(frame);
      reached[Symbol.dispose]();
    }
  }

  *#child(frame: Frame<Scope>, name: Uint8Array): Generator<WalkEvent, void, void> {
    const path = joinPath(frame.path, name);
    const access = frame.held === undefined ? shortOf(frame, path, name) : joinPath(descriptorPath(frame.held), name);
    const place = { path, name, access };
    const stat = look(place);
    if ('kind' in stat) {
      if (!stat.vanished) frame.complete = false;
      yield stat;
    } else if (this.#excludes(frame, name, stat)) yield { kind: 'excluded', ...place, stat };
    else yield* this.#visit(place, stat, frame);
  }

  #excludes(frame: Frame<Scope>, name: Uint8Array, stat: FileStat): boolean {
    const { filter } = this.#options;
    if (filter === undefined || frame.scope === undefined) return false;
    const size = stat.type === 'file' ? stat.size : 0;
    return filter.decide(frame.scope, name, stat.type, size) === 'exclude';
  }

  *#visit(place: Place, stat: FileStat, parent: Frame<Scope> | undefined): Generator<WalkEvent, void, void> {
    if (stat.type !== 'directory') yield { kind: 'entry', ...place, stat };
    else if (this.#entered.has(identityOf(stat))) {
      if (parent !== undefined) parent.complete = false;
      const message = 'a directory that contains itself';
      yield { kind: 'error', path: place.path, operation: 'open directory', code: 'CYCLE', message, vanished: false };
    } else if (this.#options.oneFileSystem === true && stat.device !== this.#device) {
      yield { kind: 'enter', ...place, stat, fd: undefined, boundary: true };
      yield { kind: 'leave', ...place, complete: true };
    } else yield* this.#open(place, stat, parent);
  }

  *#open(place: Place, seen: FileStat, parent: Frame<Scope> | undefined): Generator<WalkEvent, void, void> {
    const opened = attempt(place.path, 'open directory', () => openAs(place, seen));
    if ('kind' in opened) {
      if (!opened.vanished) yield* this.#closedDoor(place, seen, opened, parent);
      else yield opened;
      return;
    }
    const { fd, stat } = opened;
    let held = false;
    try {
      const listing = readNames(fd, place.access);
      const scope = this.#scopeOf(place, stat, listing, parent);
      if (scope === 'skip') return yield { kind: 'excluded', ...place, stat };
      held = place.access.length > REACH_LIMIT && process.platform === 'linux';
      const complete = listing.error === undefined;
      const identity = identityOf(stat);
      this.#stack.push({
        ...place,
        names: listing.names,
        next: 0,
        complete,
        scope,
        identity,
        held: held ? fd : undefined,
      });
      this.#entered.add(identity);
      yield { kind: 'enter', ...place, stat, fd, boundary: false };
      if (!complete) yield errorEvent(place.path, 'read directory', listing.error);
    } finally {
      if (!held) closeSync(fd);
    }
  }

  /** A directory that may be seen but not read. */
  *#closedDoor(
    place: Place,
    stat: FileStat,
    error: ErrorEvent,
    parent: Frame<Scope> | undefined,
  ): Generator<WalkEvent, void, void> {
    if (parent !== undefined) parent.complete = false;
    yield { kind: 'enter', ...place, stat, fd: undefined, boundary: false };
    yield error;
    yield { kind: 'leave', ...place, complete: false };
  }

  #scopeOf(
    place: Place,
    stat: FileStat,
    listing: DirectoryNames,
    parent: Frame<Scope> | undefined,
  ): Scope | 'skip' | undefined {
    const has = (name: Uint8Array): boolean => hasName(listing.names, name);
    return this.#options.filter?.enter(parent?.scope, { ...place, stat, has });
  }

  #leave(frame: Frame<Scope>): LeaveEvent {
    this.#stack.pop();
    this.#entered.delete(frame.identity);
    release(frame);
    const above = this.#stack.at(-1);
    if (above !== undefined && !frame.complete) above.complete = false;
    return { kind: 'leave', path: frame.path, name: frame.name, access: frame.access, complete: frame.complete };
  }
}

function release(frame: Frame<unknown>): void {
  if (frame.held !== undefined) closeSync(frame.held);
}

function shortOf(frame: Place, path: Uint8Array, name: Uint8Array): Uint8Array {
  return frame.access === frame.path ? path : joinPath(frame.access, name);
}

function identityOf(stat: FileStat): string {
  return `${stat.device}:${stat.inode}`;
}

function look(place: Place): FileStat | ErrorEvent {
  return attempt(place.path, 'lstat', () => lstatPath(place.access) ?? gone(place.path, 'lstat', 'ENOENT'));
}

/** The directory that lstat saw, open; or the event that says why not. */
function openAs(place: Place, seen: FileStat): { readonly fd: number; readonly stat: FileStat } | ErrorEvent {
  const fd = openDirectory(place.access);
  try {
    const stat = fstatOf(fd);
    if (isSameFile(stat, seen)) return { fd, stat };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return gone(place.path, 'open directory', 'ESTALE');
}

/** What the system refuses, as an event. */
function attempt<T>(path: Uint8Array, operation: WalkOperation, call: () => T): T | ErrorEvent {
  try {
    return call();
  } catch (error) {
    return errorEvent(path, operation, error);
  }
}

/** With O_NOFOLLOW | O_DIRECTORY a symlink in a directory's place is ENOTDIR. */
const GONE = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ESTALE'];

function errorEvent(path: Uint8Array, operation: WalkOperation, error: unknown): ErrorEvent {
  const code = systemCode(error) ?? 'UNKNOWN';
  return { kind: 'error', path, operation, code, message: messageOf(error), vanished: GONE.includes(code) };
}

function gone(path: Uint8Array, operation: WalkOperation, code: string): ErrorEvent {
  return { kind: 'error', path, operation, code, message: 'vanished while it was looked at', vanished: true };
}
