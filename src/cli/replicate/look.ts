/** What one end has that the other one lacks. */
import type { Backend } from '../../backends/backend.ts';
import { throwIfAborted } from '../../core/concurrency.ts';
import type { EventSink } from '../../core/events.ts';
import { type Held, ObjectTree } from '../../protocol/object-tree.ts';
import { differencesBetween, type End } from './compare.ts';
import { isOfOnePlace } from './order.ts';

export interface Lacking {
  readonly objects: readonly Held[];
  /** They were there, and somebody removed them. */
  readonly removedThere: number;
  /** Other objects lie there under their names. */
  readonly conflicts: readonly string[];
}

export interface LookMeans {
  readonly events: EventSink;
  readonly signal: AbortSignal | undefined;
}

/** Whom to ask where it can be asked, else all that it has. */
export async function endOf(backend: Backend, means: LookMeans): Promise<End> {
  return backend.tree?.bind(backend) ?? allOf(backend, means);
}

/** Of storage that says nothing of what it removed. */
export async function allOf(backend: Backend, { events, signal }: LookMeans): Promise<ObjectTree> {
  const found = new Map<string, Held>();
  // Some storage names an object twice when it is asked again.
  for await (const { path, size } of backend.list('')) {
    throwIfAborted(signal);
    found.set(path, { path, size, turns: 1 });
    events({ type: 'progress', phase: 'list', progress: { files: found.size, bytes: 0 } });
  }
  return ObjectTree.of(found.values());
}

export async function lackingIn(to: End, from: End, { signal }: LookMeans): Promise<Lacking> {
  const objects: Held[] = [];
  const conflicts: string[] = [];
  let removedThere = 0;
  for await (const { here, there } of differencesBetween(from, to)) {
    throwIfAborted(signal);
    const verdict = here === undefined || !isThere(here) || isOfOnePlace(here) ? undefined : judge(here, there);
    if (here === undefined || verdict === undefined) continue;
    if (verdict === 'lacking') objects.push(here);
    else if (verdict === 'conflict') conflicts.push(here.path);
    else removedThere += 1;
  }
  return { objects, removedThere, conflicts };
}

/** Of what is here; undefined where nothing is to be done. */
function judge(here: Held, there: Held | undefined): 'lacking' | 'conflict' | 'removed' | undefined {
  if (there === undefined) return 'lacking';
  if (isThere(there)) return there.size === here.size ? undefined : 'conflict';
  // Whoever knows of more turns is right: it was removed, or came again since.
  return there.turns > here.turns ? 'removed' : 'lacking';
}

function isThere({ turns }: Held): boolean {
  return turns % 2 === 1;
}
