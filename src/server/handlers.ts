/** From a request to the verb that it names: names and rights are looked at here, before anything else. */
import type { Clock } from '../core/clock.ts';
import { isNeoError, NeoError } from '../core/errors.ts';
import type { Engine } from '../engine/engine.ts';
import { CONTROL } from '../protocol/control.ts';
import { MOST_MARKS_BYTES } from '../protocol/marks.ts';
import { MOST_CHANGES, MOST_LISTED, MOST_RANGE_BYTES, MOST_RANGES, REQUESTS_AT_ONCE } from '../protocol/messages.ts';
import { MOST_REACH_BYTES } from '../protocol/reach.ts';
import { PROTOCOL, TARGET, VERBS } from '../protocol/verbs.ts';
import type { Origin } from './changes.ts';
import type { ControlFacts } from './control/context.ts';
import { control } from './control.ts';
import { databaseError, resultCode } from './database/errors.ts';
import type { Directory } from './directory.ts';
import type { Answer, Handler, Pieces, ServerRequest } from './handler.ts';
import type { Health } from './health.ts';
import type { Deeds } from './ledger/deeds.ts';
import type { Metrics } from './metrics.ts';
import { MOST_OBJECT_BYTES, type ObjectHooks, ObjectVerbs } from './objects.ts';
import { observed } from './observed.ts';
import { noPlace, type Place } from './places.ts';
import type { Caller } from './principal.ts';
import type { CountedTarget } from './quota.ts';
import { type Marked, markedBy } from './replication/marks.ts';
import type { Reporter } from './reporter.ts';
import { type ObjectVerb, requireKnown, requireRight, requireSecondFactor } from './rights.ts';
import { checkPathSent } from './sent-paths.ts';
import { ShareGuard } from './share-guard.ts';
import { changes, events, type WatchingFacts } from './watching.ts';

/** `version`: of the program. `site`: of this server, for ever. */
export interface ServerFacts extends ControlFacts, WatchingFacts {
  readonly engine: Engine;
  /** Policies are switched off. */
  readonly dev: boolean;
  readonly health: Health;
  readonly reporter: Reporter;
  readonly metrics: Metrics;
  readonly deeds: Deeds;
}

const UNMARKED: Marked = { turns: undefined, origin: '', via: undefined };

export function makeHandler(facts: ServerFacts): Handler {
  const handler: Handler = async (caller, request) => {
    try {
      return await answer(facts, caller, request);
    } catch (error) {
      throw resultCode(error) === undefined ? ofOwnDisk(error) : databaseError(error, `answer ${request.verb}`);
    }
  };
  return observed(handler, facts);
}

/** What the system refuses to the server is no refusal to whoever asks. */
function ofOwnDisk(error: unknown): unknown {
  if (!isNeoError(error, 'permission-denied') || error.cause === undefined) return error;
  return new NeoError('failed', 'the server cannot do that where its data lie', { cause: error });
}

async function answer(facts: ServerFacts, caller: Caller, request: ServerRequest): Promise<Answer> {
  const { verb } = request;
  if (verb === 'hello') return hello(facts, caller);
  if (verb === 'help') return { type: 'json', value: help() };
  if (verb === 'health') return health(facts);
  if (verb === 'metrics') return { type: 'text', text: await facts.reporter.report(caller) };
  if (verb === 'events') return events(facts, caller, request);
  const principal = await facts.directory.principalOf(caller);
  if (verb === 'control') {
    return { type: 'json', value: await control(facts, caller, principal, request.path, request.body) };
  }
  const access = new Access(facts, caller, request, verb);
  const place = await access.open();
  return access.explain(async () => {
    const storage = await facts.targets.open(place);
    if (verb === 'changes') return changes(facts, place, request, () => access.again());
    const guard = place.role === 'share' ? new ShareGuard(place.id, storage, place.shares) : undefined;
    const hooks = access.hooks(place, storage, facts);
    const verbs = new ObjectVerbs(facts.engine, storage, guard, hooks, access.origin(place));
    const work = async (): Promise<Answer> => access.guard(await verbs[verb](access.guarded()));
    return verb === 'put' ? facts.replication.arrivals.during(place.id, request.path, work) : work();
  });
}

function hello({ version, site, dev, keys }: ServerFacts, { connection }: Caller): Answer {
  const told = keys.list().map(({ fingerprint }) => fingerprint);
  return {
    type: 'json',
    value: { protocol: PROTOCOL, version, site, connection, keys: told, ...(dev ? { dev } : {}) },
  };
}

async function health(facts: ServerFacts): Promise<Answer> {
  await facts.health.check();
  return { type: 'json', value: { status: 'ok' } };
}

/** What a client should know before it asks. Bytes, but `listed`, `ranges`, `changes` and `requestsAtOnce`. */
const TOLD_LIMITS = {
  ...{ objectBytes: MOST_OBJECT_BYTES, rangesBytes: MOST_RANGE_BYTES, marksBytes: MOST_MARKS_BYTES },
  ...{ reachBytes: MOST_REACH_BYTES, listed: MOST_LISTED, ranges: MOST_RANGES, changes: MOST_CHANGES },
  requestsAtOnce: REQUESTS_AT_ONCE,
} as const;

function help() {
  const controls = Object.entries(CONTROL).map(([name, { standing, help: text }]) => [name, { standing, help: text }]);
  return { verbs: VERBS, control: Object.fromEntries(controls), limits: TOLD_LIMITS };
}

/** The right to one request, looked at again with each piece of what goes in or out: whoever is revoked is out at once. */
class Access {
  readonly #directory: Directory;
  readonly #clock: Clock;
  readonly #caller: Caller;
  readonly #request: ServerRequest;
  readonly #verb: ObjectVerb;
  readonly #settings: ServerFacts['settings'];
  #seen = { changes: -1, until: 0 };
  #by = '';
  #account = '';
  /** The target's id: another one may get its name. */
  #id: string | undefined;

  constructor(facts: ServerFacts, caller: Caller, request: ServerRequest, verb: ObjectVerb) {
    const { directory, clock, settings } = facts;
    this.#settings = settings;
    this.#directory = directory;
    this.#clock = clock;
    this.#caller = caller;
    this.#request = request;
    this.#verb = verb;
  }

  /** Who may not look into a target is not told whether there is one. @throws NeoError */
  async open(): Promise<Place> {
    const { target, path, query } = this.#request;
    if (!TARGET.test(target)) throw new NeoError('usage', 'not the name of a target');
    const place = await this.#look();
    const folder = query.get('folder') ?? '';
    for (const each of [path, folder, query.get('after') ?? '']) if (each !== '') checkPathSent(each);
    return place;
  }

  async #look(): Promise<Place> {
    const { target, path } = this.#request;
    const { changes } = this.#directory;
    const principal = await this.#directory.principalOf(this.#caller);
    requireKnown(principal);
    if (this.#settings.secondFactor === 'required') requireSecondFactor(principal, this.#verb);
    const place = await this.#directory.placeOf(principal, target);
    this.#id ??= place?.id;
    if (place === undefined || place.id !== this.#id) throw noPlace(principal, target);
    requireRight(place.role, this.#verb, path);
    const until = Math.min(principal.until ?? Number.POSITIVE_INFINITY, place.until ?? Number.POSITIVE_INFINITY);
    this.#seen = { changes, until };
    this.#account = principal.account.id;
    this.#by = `${principal.account.name}@${(principal.device ?? principal.token)?.name ?? ''}`;
    return place;
  }

  /** Whether it still holds. @throws NeoError */
  async again(): Promise<void> {
    const { changes, until } = this.#seen;
    if (changes === this.#directory.changes && this.#clock.now() < until) return;
    await this.#look();
  }

  /** For those who are told what was changed. */
  origin({ owner, name }: Place): Origin {
    return { account: owner.name, target: name, by: this.#by };
  }

  /** What is removed is looked at, and written down before it goes; of what is published snapshots are written down. */
  hooks(place: Place, storage: CountedTarget, { removals, deeds, replication, site }: ServerFacts): ObjectHooks {
    const doer = { account: this.#account, by: this.#by };
    const { verb, query } = this.#request;
    const marked = verb === 'put' || verb === 'remove' ? markedBy(place, query, site) : UNMARKED;
    return {
      tree: (isFresh) => replication.tree(place.id, storage, isFresh),
      async removing(info) {
        await (await removals.guardOf(place)).check(info);
        await deeds.removing(place, doer, info.path, info.size, marked.turns);
      },
      async removed(path) {
        deeds.removed();
        replication.left(place, path, marked);
      },
      absent: (path) => replication.neverCame(place, path, marked),
      coming: (path) => replication.coming(place, path, marked),
      async published(path, size, isNew) {
        await deeds.published(place, doer, path, size, isNew);
        if (isNew) replication.came(place, path, marked);
      },
    };
  }

  /** What fails because the right to it, or the target itself, has ended meanwhile is refused as that. */
  async explain<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await this.again();
      throw error;
    }
  }

  guarded(): ServerRequest {
    return { ...this.#request, body: this.#each(this.#request.body, true) };
  }

  guard(answer: Answer): Answer {
    if (!('bytes' in answer) || answer.bytes === undefined) return answer;
    return { ...answer, bytes: this.#each(answer.bytes, false) };
  }

  /** `atEnd`: before anything of it counts as well. */
  async *#each(pieces: Pieces, atEnd: boolean): Pieces {
    for await (const piece of pieces) {
      await this.again();
      yield piece;
    }
    if (atEnd) await this.again();
  }
}
