/** What a restore counts and says while it works. */

import { displayBytes } from '../../core/bytes.ts';
import { isNeoError, messageOf } from '../../core/errors.ts';
import type { EventSink } from '../../core/events.ts';
import type { ApplyProblem } from '../../fs/apply.ts';
import { joinPath } from '../../fs/path.ts';

/** Said so often one by one; after that only counted. */
const PROBLEMS_SHOWN = 100;

/** Errors that end a restore: what is hostile, and what no other file can escape. */
export function endsRestore(error: unknown): boolean {
  if (!isNeoError(error)) return true;
  return ['integrity', 'no-space', 'quota-exceeded', 'interrupted', 'unreachable', 'needs-newer-neo', 'usage'].includes(
    error.code,
  );
}

export class Tally {
  filesRestored = 0;
  filesUnchanged = 0;
  filesSkipped = 0;
  directories = 0;
  bytesRestored = 0;
  bytesRead = 0;
  deleted = 0;
  /** Names that could not be on the target. */
  renamed = 0;
  errors = 0;
  /** Of these: because the system did not permit it. */
  denied = 0;
  /** Device nodes that nobody asked for. */
  refused = 0;
  /** Path of the target, for messages. */
  root: Uint8Array = new Uint8Array();
  /** Metadata that could not be applied. */
  problems = 0;
  totalFiles: number | undefined;
  totalBytes: number | undefined;
  plannedFiles = 0;
  plannedBytes = 0;
  readonly #events: EventSink;
  readonly #notes = new Set<string>();

  constructor(events: EventSink) {
    this.#events = events;
  }

  /** One entry is left out. @throws the error itself when it ends the restore */
  fail(path: Uint8Array, error: unknown): void {
    if (endsRestore(error)) throw error;
    this.lose(path, messageOf(error), isNeoError(error) ? error.code : 'failed');
  }

  /** One entry is left out, and the rest goes on. */
  lose(path: Uint8Array, message: string, code: string): void {
    this.errors += 1;
    if (code === 'permission-denied') this.denied += 1;
    this.#events({ type: 'warning', code, message, path: joinPath(this.root, path) });
  }

  /** Its name cannot be on the target. */
  rename(path: Uint8Array, name: Uint8Array): void {
    this.renamed += 1;
    const message = `restored as ${displayBytes(name)}: the file system there does not take its name`;
    this.#events({ type: 'warning', code: 'renamed', message, path: joinPath(this.root, path) });
  }

  refuse(path: Uint8Array): void {
    this.refused += 1;
    const message = 'a device node, which nobody asked for: left out';
    this.#events({ type: 'warning', code: 'integrity', message, path: joinPath(this.root, path) });
  }

  problem(problem: ApplyProblem): void {
    this.problems += 1;
    if (this.problems > PROBLEMS_SHOWN) {
      this.note('more metadata could not be applied; the summary has the count');
      return;
    }
    const what = problem.attribute === undefined ? problem.what : `attribute ${displayBytes(problem.attribute)}`;
    const message = `${what} not restored: ${problem.message}`;
    this.#events({ type: 'warning', code: 'metadata', message, path: joinPath(this.root, problem.path) });
  }

  /** Each text once. */
  note(message: string): void {
    if (this.#notes.has(message)) return;
    this.#notes.add(message);
    this.#events({ type: 'note', message });
  }

  progress(current?: Uint8Array): void {
    const { totalFiles, totalBytes } = this;
    this.#events({
      type: 'progress',
      phase: 'restore',
      progress: {
        files: this.filesRestored + this.filesUnchanged + this.filesSkipped,
        bytes: this.bytesRestored,
        ...(totalFiles === undefined ? {} : { totalFiles }),
        ...(totalBytes === undefined ? {} : { totalBytes }),
        ...(current === undefined ? {} : { current: displayBytes(current) }),
      },
    });
  }
}
