/** Heads that a client has seen: a repository that went back in time, or lost a snapshot, is noticed by whoever saw it. */
import { isNeoError, messageOf } from '../core/errors.ts';
import { type EventSink, ignoreEvents } from '../core/events.ts';
import { type ObjectName, objectName } from '../core/ids.ts';
import { canonicalJson, parseJson } from '../core/json.ts';
import { integer, z } from '../core/schema.ts';
import type { ClientState } from '../repo/client-state.ts';
import { isRotatedSince, type Repository } from '../repo/repository.ts';
import type { ListedHead } from './listing.ts';
import { listRemovals, trashOf } from './removal.ts';

const schema = z.object({
  v: z.literal(1),
  epoch: integer(0),
  heads: z.array(z.string().check(z.regex(/^[0-9a-f]{64}$/))),
  /** Gone, and not missed any more. */
  accepted: z.optional(z.array(z.string().check(z.regex(/^[0-9a-f]{64}$/)))),
});

export interface Alarm {
  readonly message: string;
  readonly snapshot?: ObjectName;
}

function stateName(repository: Repository): string {
  return `heads-${repository.id}.json`;
}

async function remembered(repository: Repository, state: ClientState): Promise<z.infer<typeof schema> | undefined> {
  const bytes = await state.read(stateName(repository));
  if (bytes === undefined) return undefined;
  try {
    return schema.safeParse(parseJson(bytes)).data;
  } catch (error) {
    if (isNeoError(error, 'integrity')) return undefined;
    throw error;
  }
}

/** The newest of all chains: whatever follows them proves that they were there. */
function newestHeads(heads: readonly ListedHead[]): ObjectName[] {
  const followed = new Set(heads.flatMap(({ head }) => head.previous));
  return heads.filter(({ name }) => !followed.has(name)).map(({ name }) => name);
}

/**
 * What is missing of what this client, or a snapshot that is there, has seen. `removed`: what may be missing. Nothing if
 * the user accepts it: then it is remembered as accepted.
 */
export async function findRollback(
  repository: Repository,
  state: ClientState,
  heads: readonly ListedHead[],
  removed: Iterable<ObjectName> = [],
): Promise<Alarm[]> {
  const seen = await remembered(repository, state);
  const accepted = (seen?.accepted ?? []).map(objectName);
  const present = new Set([...heads.map(({ name }) => name), ...removed, ...accepted]);
  const expected = [...(seen?.heads ?? []).map(objectName), ...heads.flatMap(({ head }) => head.previous)];
  const missing = await stillMissing(repository, new Set(expected.filter((name) => !present.has(name))));
  const alarms: Alarm[] = missing.map((snapshot) => ({
    message: `snapshot ${snapshot.slice(0, 8)} was there and is gone, and nobody removed it`,
    snapshot,
  }));
  if (seen !== undefined && seen.epoch > repository.config.epoch && !(await isRotatedSince(repository))) {
    alarms.push({ message: `the configuration went back from epoch ${seen.epoch} to ${repository.config.epoch}` });
  }
  if (alarms.length === 0 || state.acceptsRollback !== true) return alarms;
  await accept(repository, state, heads, [...accepted, ...missing]);
  return [];
}

/** Another process of this client may have stored or removed it since the listing that is judged was made. */
async function stillMissing(repository: Repository, missing: ReadonlySet<ObjectName>): Promise<ObjectName[]> {
  if (missing.size === 0) return [];
  const there: ObjectName[] = [];
  for (const name of missing) {
    if ((await repository.backend.stat(`snapshots/${name}`)) !== undefined) there.push(name);
  }
  const removed = trashOf(await listRemovals(repository));
  return [...missing].filter((name) => !there.includes(name) && !removed.has(name));
}

/** Only a state that was written counts. @throws whatever writing it meets */
async function accept(
  repository: Repository,
  state: ClientState,
  heads: readonly ListedHead[],
  gone: readonly ObjectName[],
): Promise<void> {
  const accepted = [...new Set<string>(gone)].sort();
  const { epoch } = repository.config;
  await state.write(stateName(repository), canonicalJson({ v: 1, epoch, heads: newestHeads(heads), accepted }));
}

/**
 * Adds what is there now to what was seen. What is missing stays remembered: an alarm does not go away by itself. A state
 * that cannot be written costs vigilance, and is only told.
 */
export async function rememberHeads(
  repository: Repository,
  state: ClientState,
  heads: readonly ListedHead[],
  events: EventSink = ignoreEvents,
): Promise<void> {
  const seen = await remembered(repository, state);
  const present = new Set<string>(heads.map(({ name }) => name));
  const accepted = seen?.accepted ?? [];
  const lost = seen?.heads.filter((name) => !present.has(name) && !accepted.includes(name)) ?? [];
  const epoch = Math.max(seen?.epoch ?? 0, repository.config.epoch);
  const all = [...new Set([...lost, ...newestHeads(heads)])].sort();
  const known = seen?.epoch === epoch && seen.heads.join() === all.join();
  try {
    if (!known)
      await state.write(
        stateName(repository),
        canonicalJson({ v: 1, epoch, heads: all, ...(accepted.length === 0 ? {} : { accepted }) }),
      );
  } catch (error) {
    const message = `the snapshots seen cannot be remembered, a rollback would not be noticed: ${messageOf(error)}`;
    events({ type: 'note', message });
  }
}
