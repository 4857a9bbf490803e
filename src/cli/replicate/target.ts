/** The place that is to hold the repository as well. */
import type { Backend } from '../../backends/backend.ts';
import { type OpenOptions, openBackend, parseLocation, strangerAt } from '../../backends/location.ts';
import type { Place } from '../open.ts';
import { configsToReplicate, firstConfigs, isOurs, otherFiles, refuseOther } from './identity.ts';

export interface Target {
  readonly backend: Backend;
  /** There is no repository yet. */
  readonly isNew: boolean;
  /** There is nothing at all. */
  readonly isEmpty: boolean;
}

export interface TargetChoices {
  readonly createBucket: boolean;
  readonly isDry: boolean;
}

export function openPlace({ location, connection }: Place, more: OpenOptions = {}): Promise<Backend> {
  return openBackend(parseLocation(location.location), { ...connection, ...more });
}

/**
 * Nothing is made before it is clear that it may be.
 * @throws NeoError no-repository when there is nothing to copy; already-exists when another repository is there; failed where other files are
 */
export async function openTarget(goal: Place, from: Backend, choices: TargetChoices): Promise<Target> {
  const own = await configsToReplicate(from);
  const { createBucket, isDry } = choices;
  const there = await openPlace(goal, { createBucket });
  try {
    const { isThere, isNew, isEmpty } = await lookAt(goal, from, own, there);
    if (isDry || isThere) return { backend: there, isNew, isEmpty };
    const made = await openPlace(goal, { create: true, createBucket });
    await there.close();
    return { backend: made, isNew, isEmpty };
  } catch (error) {
    await there.close();
    throw error;
  }
}

async function lookAt(goal: Place, from: Backend, own: ReadonlySet<string>, there: Backend) {
  const configs = await firstConfigs(there);
  if (configs === undefined) return { isThere: false, isNew: true, isEmpty: true };
  refuseOther(own, configs, there.location);
  if (configs.size > 0) return { isThere: true, isNew: false, isEmpty: false };
  const isEmpty = !(await isOurs(from, own, there));
  const place = parseLocation(goal.location.location);
  const stranger = isEmpty ? await strangerAt(place, goal.connection) : undefined;
  if (stranger !== undefined) throw otherFiles(there, stranger);
  // An absent folder looks as an empty one. A target of a server is there, or is not.
  return { isThere: place.kind === 'neo', isNew: true, isEmpty };
}
