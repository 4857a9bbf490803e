/** Requests that last: changes of a target, and what happens on the server. The right to them is looked at while they do. */
import type { Clock } from '../core/clock.ts';
import { NeoError } from '../core/errors.ts';
import { MOST_WAIT_SECONDS } from '../protocol/messages.ts';
import { LOOK_MS, type Waiter } from './bell.ts';
import type { ChangeFeeds } from './changes.ts';
import type { Directory } from './directory.ts';
import type { Answer, ServerRequest } from './handler.ts';
import type { News } from './news.ts';
import type { Place } from './places.ts';
import type { Caller } from './principal.ts';
import { requireAdministrator, requireSecondFactor } from './rights.ts';
import type { Settings } from './settings.ts';

export interface WatchingFacts {
  readonly directory: Directory;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly version: string;
  readonly site: string;
  readonly news: News;
  readonly feeds: ChangeFeeds;
  /** Fires when the server ends. */
  readonly ending: AbortSignal;
  /** Milliseconds after which whoever carries the requests gives up one on which nothing moves. */
  readonly idle: number;
}

/** Until whoever asked goes away, or the server ends. */
function goneOf({ ending }: WatchingFacts, { gone }: ServerRequest): AbortSignal {
  return gone === undefined ? ending : AbortSignal.any([ending, gone()]);
}

/** @param again throws when the right to it has ended */
export async function changes(
  facts: WatchingFacts,
  place: Place,
  request: ServerRequest,
  again: Waiter['again'],
): Promise<Answer> {
  const { query } = request;
  const wait = Math.min(waitOf(query.get('wait') ?? '0'), facts.idle / 2);
  const waiter = { again, gone: goneOf(facts, request) };
  return { type: 'json', value: await facts.feeds.read(place.id, query.get('after') ?? '', wait, waiter) };
}

/** Milliseconds. @throws NeoError usage */
function waitOf(text: string): number {
  const seconds = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= MOST_WAIT_SECONDS) return seconds * 1000;
  throw new NeoError('usage', `wait is a number of seconds, at most ${MOST_WAIT_SECONDS}`);
}

/** @throws NeoError permission-denied */
export async function events(facts: WatchingFacts, caller: Caller, request: ServerRequest): Promise<Answer> {
  const { directory, clock, settings, news, version, site } = facts;
  let seen = { changes: -1, until: 0 };
  const again = async (): Promise<void> => {
    if (seen.changes === directory.changes && clock.now() < seen.until) return;
    const { changes: before } = directory;
    const principal = await directory.principalOf(caller);
    requireAdministrator(principal, 'events');
    if (settings.secondFactor === 'required') requireSecondFactor(principal, 'events');
    seen = { changes: before, until: principal.until ?? Number.POSITIVE_INFINITY };
  };
  await again();
  const gone = goneOf(facts, request);
  return { type: 'lines', bytes: news.read({ version, site }, { again, gone }), cut: endOf(again, gone) };
}

/** Fires when the right to it has ended, whether anybody takes what is told or not. */
function endOf(again: Waiter['again'], gone: AbortSignal): AbortSignal {
  const cut = new AbortController();
  const timer = setInterval(() => void again().catch(() => cut.abort()), LOOK_MS);
  for (const signal of [gone, cut.signal]) signal.addEventListener('abort', () => clearInterval(timer));
  return cut.signal;
}
