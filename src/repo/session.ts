/**
 * Heartbeats of writers at work: `sessions/<id>/<n>`. They are advice: prune leaves alone what a long run has stored, so
 * that it need not be stored again at the end. Nothing is lost without them.
 */
import { isNeoError } from '../core/errors.ts';
import type { SessionId } from '../core/ids.ts';
import { canonicalJson, parseJson } from '../core/json.ts';
import { integer, z } from '../core/schema.ts';
import { LARGEST } from './largest.ts';
import type { Repository } from './repository.ts';
import { decodeSealedSigned, encodeSealedSigned } from './signed-object.ts';

const schema = z.object({
  v: z.literal(1),
  session: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
  n: integer(0),
  time: integer(0, 8.64e15),
  generation: integer(0),
});

/** A run says that it is at work so often, and not before its first that long. */
export const HEARTBEAT_MS = 600_000;
/** Silent for longer, it is over. */
const SILENT_MS = 2 * 3_600_000;
/** However alive it looks: a stolen key must not keep others from freeing space for ever. */
const LONGEST_MS = 30 * 86_400_000;

export interface Heartbeat {
  readonly session: SessionId;
  readonly n: number;
  /** When the run began, by the storage's clock, milliseconds. */
  readonly time: number;
  readonly generation: number;
}

export async function putHeartbeat(repository: Repository, beat: Heartbeat): Promise<void> {
  const { keys, signer, backend } = repository;
  const bytes = encodeSealedSigned(repository, 'session', keys.index, signer, canonicalJson({ v: 1, ...beat }));
  await backend.put(`sessions/${beat.session}/${beat.n}`, bytes);
}

/** When the oldest run began that is still at work, milliseconds; Infinity if there is none. @throws NeoError unreachable */
export async function liveSessionsSince(repository: Repository, now: number): Promise<number> {
  let oldest = Number.POSITIVE_INFINITY;
  for await (const { path, size, modified } of repository.backend.list('sessions')) {
    if (modified < now - SILENT_MS || size > LARGEST.session) continue;
    const beat = await readHeartbeat(repository, path);
    if (beat !== undefined && beat.time >= now - LONGEST_MS) oldest = Math.min(oldest, beat.time);
  }
  return oldest;
}

async function readHeartbeat(repository: Repository, path: string): Promise<z.infer<typeof schema> | undefined> {
  const match = /^sessions\/([0-9a-f]{32})\/(\d{1,9})$/.exec(path);
  const bytes = match === null ? undefined : await repository.backend.get(path);
  if (bytes === undefined) return undefined;
  try {
    const { body } = decodeSealedSigned(repository, 'session', repository.keys.index, bytes);
    const { data } = schema.safeParse(parseJson(body));
    return data?.session === match?.[1] && data?.n === Number(match?.[2]) ? data : undefined;
  } catch (error) {
    if (isNeoError(error, 'integrity') || isNeoError(error, 'needs-newer-neo')) return undefined;
    throw error;
  }
}

/** Removes the heartbeats of runs that have been silent for 30 days. */
export async function removeSilentSessions({ backend }: Repository, now: number): Promise<void> {
  for await (const { path, modified } of backend.list('sessions')) {
    if (modified < now - LONGEST_MS) await backend.remove(path);
  }
}
