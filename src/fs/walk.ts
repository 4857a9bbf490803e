/**
 * A deterministic walk: depth first, names in the order of their bytes, directories between the files where their name
 * puts them. Synchronous calls inside (five times faster than the promises), pulled by the caller one event at a time,
 * so that the caller decides when to breathe.
 *
 * What goes wrong in the tree is an event, never an exception: the walk goes on with the next name.
 */
import { closeSync } from 'node:fs';
import { messageOf, systemCode } from '../core/errors.ts';
import { hasName, openDirectory, readNames } from './directory.ts';
import { type Decision, KEPT } from './ignore-filter.ts';
import type { Rule } from './ignore-pattern.ts';
import { baseName, joinPath, pathOfLatin1 } from './path.ts';
import { descriptorPath, REACH_LIMIT, reachPath } from './reach.ts';
import { type FileStat, type FileType, fstatOf, isSameFile } from './stat.ts';
import { lookAt } from './statx.ts';

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

/** Two runs with the same facts leave out the same, as long as the files of these names stay as they are. */
export interface FilterFacts {
  readonly fingerprint: string;
  /** Of files that decide what of their directory, and of all below it, is left out. Latin1. */
  readonly ruleNames: ReadonlySet<string>;
}

/** Says what is left out; must not throw. `Scope` is what it keeps for a directory. See ignoreFilter (walk-filter.ts). */
export interface WalkFilter<Scope> {
  /** Undefined when its decisions rest on more than can be told here. */
  readonly facts?: FilterFacts;
  /** Called once for each directory that is entered (`parent` undefined: the root); reads its ignore files if it wants. */
  enter(parent: Scope | undefined, directory: WalkDirectory): Scope;
  /** Called for each name but the root's. `size`: of regular files. */
  decide(scope: Scope, name: Uint8Array, type: FileType, size: number | undefined): Decision;
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
  /** The filter wants it only as the way to something below: not to be recorded when nothing is. */
  readonly onlyToReach: boolean;
}

export interface EntryEvent extends Place {
  readonly kind: 'entry';
  readonly stat: FileStat;
}

/** Left out by the filter; a directory with all that is in it. */
export interface ExcludedEvent extends Place {
  readonly kind: 'excluded';
  readonly stat: FileStat;
  readonly rule: Rule | undefined;
}

export interface LeaveEvent extends Place {
  readonly kind: 'leave';
  /** False when something in it or below could not be read; names that vanished do not count. */
  readonly complete: boolean;
}

/** A directory that {@link WalkOptions.skips} wants to be left unread. */
export interface SkippedEvent extends Place {
  readonly kind: 'skipped';
  readonly stat: FileStat;
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

export type WalkEvent = EnterEvent | EntryEvent | ExcludedEvent | SkippedEvent | LeaveEvent | ErrorEvent;

export interface WalkOptions<Scope> {
  readonly filter?: WalkFilter<Scope>;
  /** Directories on other file systems than the root's are recorded, empty, and not read. */
  readonly oneFileSystem?: boolean;
  /** Directories of whose content enough is known: they are not even opened. */
  readonly skips?: (path: Uint8Array) => boolean;
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

/** Not ignored, and still to be entered. */
interface FoundDirectory {
  readonly kind: 'directory';
  readonly place: Place;
  readonly stat: FileStat;
  readonly onlyToReach: boolean;
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
      const stat = look(place.path, place.access);
      if ('kind' in stat) return yield stat;
      this.#device = stat.device;
      yield* this.#visit(place, stat, false);
      for (let frame = this.#stack.at(-1); frame !== undefined; frame = this.#stack.at(-1)) {
        const name = frame.names[frame.next];
        frame.next += 1;
        if (name === undefined) yield this.#leave(frame);
        else {
          const child = this.#child(frame, pathOfLatin1(name));
          // Most are no directories: for them no generator is made.
          if (child.kind === 'directory') yield* this.#visit(child.place, child.stat, child.onlyToReach);
          else yield child;
        }
      }
    } finally {
      for (const frame of this.#stack) release(frame);
      reached[Symbol.dispose]();
    }
  }

  #child(frame: Frame<Scope>, name: Uint8Array): WalkEvent | FoundDirectory {
    const path = joinPath(frame.path, name);
    const access = frame.held === undefined ? shortOf(frame, path, name) : joinPath(descriptorPath(frame.held), name);
    const stat = look(path, access);
    if ('kind' in stat) {
      if (!stat.vanished) frame.complete = false;
      return stat;
    }
    const { ignored, onlyToReach, rule } = this.#decide(frame, name, stat);
    if (ignored) return { kind: 'excluded', path, name, access, stat, rule };
    if (stat.type === 'directory') return { kind: 'directory', place: { path, name, access }, stat, onlyToReach };
    return { kind: 'entry', path, name, access, stat };
  }

  #decide(frame: Frame<Scope>, name: Uint8Array, stat: FileStat): Decision {
    const { filter } = this.#options;
    if (filter === undefined || frame.scope === undefined) return KEPT;
    return filter.decide(frame.scope, name, stat.type, stat.type === 'file' ? stat.size : undefined);
  }

  *#visit(place: Place, stat: FileStat, onlyToReach: boolean): Generator<WalkEvent, void, void> {
    if (stat.type !== 'directory') {
      yield { kind: 'entry', path: place.path, name: place.name, access: place.access, stat };
      return;
    }
    if (this.#options.skips?.(place.path) === true) {
      yield { kind: 'skipped', ...place, stat };
    } else if (this.#entered.has(identityOf(stat))) {
      yield this.#miss({ ...CYCLE, path: place.path });
    } else if (this.#options.oneFileSystem === true && stat.device !== this.#device) {
      yield { kind: 'enter', ...place, stat, fd: undefined, boundary: true, onlyToReach };
      yield { kind: 'leave', ...place, complete: true };
    } else {
      const opened = attempt(place.path, 'open directory', () => openAs(place, stat));
      if ('kind' in opened) yield* this.#closedDoor(place, stat, onlyToReach, opened);
      else yield* this.#enter(place, opened, onlyToReach);
    }
  }

  /** A directory that is there and may not be read, or that is gone. */
  *#closedDoor(
    place: Place,
    stat: FileStat,
    onlyToReach: boolean,
    error: ErrorEvent,
  ): Generator<WalkEvent, void, void> {
    if (error.vanished) return yield error;
    yield { kind: 'enter', ...place, stat, fd: undefined, boundary: false, onlyToReach };
    yield this.#miss(error);
    yield { kind: 'leave', ...place, complete: false };
  }

  *#enter(place: Place, opened: OpenedDirectory, onlyToReach: boolean): Generator<WalkEvent, void, void> {
    const { fd, stat } = opened;
    let held: number | undefined;
    try {
      const { names, error } = readNames(fd, place.access);
      const has = (name: Uint8Array): boolean => hasName(names, name);
      const scope = this.#options.filter?.enter(this.#stack.at(-1)?.scope, { ...place, stat, has });
      const identity = identityOf(stat);
      const complete = error === undefined;
      if (place.access.length > REACH_LIMIT && process.platform === 'linux') held = fd;
      this.#stack.push({ ...place, names, next: 0, complete, scope, identity, held });
      this.#entered.add(identity);
      yield { kind: 'enter', ...place, stat, fd, boundary: false, onlyToReach };
      if (!complete) yield errorEvent(place.path, 'read directory', error);
    } finally {
      if (held === undefined) closeSync(fd);
    }
  }

  /** An error that makes the directory on top incomplete. */
  #miss(error: ErrorEvent): ErrorEvent {
    const above = this.#stack.at(-1);
    if (above !== undefined) above.complete = false;
    return error;
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

interface OpenedDirectory {
  readonly fd: number;
  readonly stat: FileStat;
}

const CYCLE: Omit<ErrorEvent, 'path'> = {
  kind: 'error',
  operation: 'open directory',
  code: 'CYCLE',
  message: 'a directory that contains itself',
  vanished: false,
};

function release(frame: Frame<unknown>): void {
  if (frame.held !== undefined) closeSync(frame.held);
}

function shortOf(frame: Place, path: Uint8Array, name: Uint8Array): Uint8Array {
  return frame.access === frame.path ? path : joinPath(frame.access, name);
}

function identityOf(stat: FileStat): string {
  return `${stat.device}:${stat.inode}`;
}

function look(path: Uint8Array, access: Uint8Array): FileStat | ErrorEvent {
  try {
    return lookAt(access) ?? gone(path, 'lstat', 'ENOENT');
  } catch (error) {
    return errorEvent(path, 'lstat', error);
  }
}

/** The directory that lstat saw, open; or the event that says why not. */
function openAs(place: Place, seen: FileStat): OpenedDirectory | ErrorEvent {
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
