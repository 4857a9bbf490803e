/** What happens at a server, for as long as somebody watches: also over the ends of the server and of the line. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlClient } from '../backends/neo-control.ts';
import { isNeoError, messageOf } from '../core/errors.ts';
import { type ObjectEvent, objectEventSchema, type ServerEvent, unreadSchema } from '../protocol/messages.ts';
import { followStanding, type Standing } from './server-standing.ts';

export type Followed =
  | { readonly type: 'on' }
  | { readonly type: 'away'; readonly message: string }
  | { readonly type: 'log'; readonly entry: LogEntry }
  | { readonly type: 'object'; readonly entry: ObjectEvent }
  /** The reader was too slow for so many. */
  | { readonly type: 'unread'; readonly count: number };

/** A line of the server's log. */
export interface LogEntry {
  readonly time: string;
  readonly level: string;
  readonly event: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;

/**
 * What happens, and how the server stands in between, until the signal fires.
 * @throws as {@link followServer}; what `tell` throws
 */
export async function watchServer(
  client: ControlClient,
  tell: (news: Followed | Standing) => Promise<void> | void,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const until = AbortSignal.any([signal, over.signal]);
  let isOn = false;
  const follow = async (): Promise<void> => {
    for await (const followed of followServer(client, until)) {
      await tell(followed);
      isOn = followed.type !== 'away';
    }
  };
  try {
    await Promise.all([follow(), followStanding(client, () => isOn, tell, until)]);
  } finally {
    over.abort();
  }
}

/**
 * Until the signal fires.
 * @throws NeoError what the server refuses with; unreachable when it could not be reached the first time
 */
async function* followServer(client: ControlClient, signal: AbortSignal): AsyncGenerator<Followed> {
  let pause = FIRST_PAUSE_MS;
  let wasOn = false;
  while (!signal.aborted) {
    let why = 'the server went away';
    try {
      for await (const followed of followOnce(client, signal)) {
        wasOn = true;
        pause = FIRST_PAUSE_MS;
        yield followed;
      }
    } catch (error) {
      if (!isWorthRetrying(error, wasOn)) throw error;
      why = messageOf(error);
    }
    if (signal.aborted) return;
    // Once for each time, however often it is tried again.
    if (pause === FIRST_PAUSE_MS) yield { type: 'away', message: why };
    await sleep(pause, undefined, { signal }).catch(() => undefined);
    pause = Math.min(LONGEST_PAUSE_MS, 2 * pause);
  }
}

async function* followOnce(client: ControlClient, signal: AbortSignal): AsyncGenerator<Followed> {
  for await (const event of client.events(signal)) {
    const followed = followedOf(event);
    if (followed !== undefined) yield followed;
  }
}

function isWorthRetrying(error: unknown, wasOn: boolean): boolean {
  return wasOn && isNeoError(error, 'unreachable') && !error.isPermanent;
}

/** Undefined: nothing that has to be told. */
function followedOf(said: ServerEvent): Followed | undefined {
  if (said.event === 'watching') return { type: 'on' };
  if (said.event === 'alive') return undefined;
  const unread = unreadSchema.safeParse(said);
  if (unread.success) return { type: 'unread', count: unread.data.count };
  const object = objectEventSchema.safeParse(said);
  if (object.success) return { type: 'object', entry: object.data };
  const { time, level, event, ...detail } = said;
  return { type: 'log', entry: { time: String(time ?? ''), level: String(level ?? ''), event, detail } };
}

export interface ServerCounts {
  readonly connections: number;
  /** Since the server began. */
  readonly requests: number;
}

/** Of the text for Prometheus. */
export function countsIn(metrics: string): ServerCounts {
  const values = (name: string): number[] =>
    [...metrics.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, 'gm'))].map(([, value]) => Number(value));
  const sum = (name: string): number => values(name).reduce((total, each) => total + each, 0);
  return { connections: sum('neo_connections'), requests: sum('neo_requests_total') };
}
