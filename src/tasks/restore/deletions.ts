/** `--delete`: what the target has and the snapshot has not. Counted first; many are not deleted unasked. */
import { NeoError } from '../../core/errors.ts';
import { joinPath } from '../../fs/path.ts';
import { TargetDirectory } from '../../fs/writer-directory.ts';
import type { Context } from './context.ts';
import type { Place } from './place.ts';

/** More than that is asked about. */
export const MANY_DELETIONS = 100;

export class Deletions {
  readonly #context: Context;
  /** Entries, with all below them; counted no further than just above {@link MANY_DELETIONS}. */
  count = 0;
  /** Ignore files in the snapshot: what they name was never saved. */
  readonly ignoreFiles = new Set<string>();

  constructor(context: Context) {
    this.#context = context;
  }

  add(place: Place, name: Uint8Array): void {
    const { mode, tally, act } = this.#context;
    if (mode === 'count') {
      this.count += countBelow(place, name, MANY_DELETIONS + 1 - this.count);
      return;
    }
    try {
      if (mode === 'restore') place.target.remove(place.existing(), name);
      tally.deleted += 1;
      act({ action: 'delete', type: 'entry', path: joinPath(tally.root, place.pathOf(name)) });
    } catch (error) {
      tally.fail(place.pathOf(name), error);
    }
  }

  /** A directory in whose place a file will be goes with all below it. */
  countReplaced(place: Place, name: Uint8Array): void {
    if (place.isNew || place.target.stat(place.existing(), name)?.isDirectory() !== true) return;
    this.count += countBelow(place, name, MANY_DELETIONS + 1 - this.count);
  }

  /** @throws NeoError failed when more would be deleted than may be unasked, or what was perhaps left out on purpose */
  refuseMany(): void {
    const unknown = [...this.#context.leftOut.unknown, ...this.ignoreFiles];
    if (this.count > 0 && unknown.length > 0) {
      throw new NeoError('failed', `--delete may remove what this snapshot left out (${unknown.join(', ')})`, {
        hint: 'look at it with --dry-run; then say --yes. Nothing was changed',
      });
    }
    if (this.count <= MANY_DELETIONS) return;
    throw new NeoError(
      'failed',
      `--delete would remove more than ${MANY_DELETIONS} files that are not in the snapshot`,
      {
        hint: 'look at them with --dry-run; then say --yes. Nothing was changed',
      },
    );
  }
}

/** The entry and all below it, up to `limit`. */
function countBelow(place: Place, name: Uint8Array, limit: number): number {
  const stack: { readonly directory: TargetDirectory; readonly name: Uint8Array }[] = [
    { directory: place.existing(), name },
  ];
  let count = 0;
  for (let next = stack.pop(); next !== undefined && count < limit; next = stack.pop()) {
    count += 1;
    if (place.target.stat(next.directory, next.name)?.isDirectory() !== true) continue;
    const below = new TargetDirectory(place.target, next.directory, next.name);
    for (const entry of place.target.list(below)) stack.push({ directory: below, name: entry });
  }
  return count;
}
