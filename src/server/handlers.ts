/** From a request to the verb that it names: names and rights are looked at here, before anything else. */
import type { Clock } from '../core/clock.ts';
import { NeoError } from '../core/errors.ts';
import type { Engine } from '../engine/engine.ts';
import { CONTROL } from '../protocol/control.ts';
import { PROTOCOL, TARGET, VERBS } from '../protocol/verbs.ts';
import type { ControlFacts } from './control/context.ts';
import { control } from './control.ts';
import { databaseError, resultCode } from './database/errors.ts';
import type { Directory, Place } from './directory.ts';
import type { Answer, Handler, Pieces, ServerRequest } from './handler.ts';
import { ObjectVerbs } from './objects.ts';
import type { Caller } from './principal.ts';
import { type ObjectVerb, requireKnown, requireRight } from './rights.ts';
import { checkPathSent } from './sent-paths.ts';

export interface ServerFacts extends ControlFacts {
  /** Of the program. */
  readonly version: string;
  /** Of this server, for ever. */
  readonly site: string;
  readonly engine: Engine;
}

export function makeHandler(facts: ServerFacts): Handler {
  return async (caller, request) => {
    try {
      return await answer(facts, caller, request);
    } catch (error) {
      throw resultCode(error) === undefined ? error : databaseError(error, `answer ${request.verb}`);
    }
  };
}

async function answer(facts: ServerFacts, caller: Caller, request: ServerRequest): Promise<Answer> {
  const { verb } = request;
  if (verb === 'hello') return hello(facts, caller);
  if (verb === 'help') return { type: 'json', value: help() };
  const principal = await facts.directory.principalOf(caller);
  if (verb === 'control') {
    return { type: 'json', value: await control(facts, caller, principal, request.path, request.body) };
  }
  const access = new Access(facts, caller, request, verb);
  const place = await access.open();
  const storage = await facts.targets.open(place);
  return access.guard(await new ObjectVerbs(facts.engine, storage)[verb](access.guarded()));
}

function hello({ version, site }: ServerFacts, { connection }: Caller): Answer {
  return { type: 'json', value: { protocol: PROTOCOL, version, site, connection } };
}

function help() {
  const controls = Object.entries(CONTROL).map(([name, { standing, help: text }]) => [name, { standing, help: text }]);
  return { verbs: VERBS, control: Object.fromEntries(controls) };
}

/** The right to one request, looked at again with each piece of what goes in or out: whoever is revoked is out at once. */
class Access {
  readonly #directory: Directory;
  readonly #clock: Clock;
  readonly #caller: Caller;
  readonly #request: ServerRequest;
  readonly #verb: ObjectVerb;
  #seen = { changes: -1, until: 0 };

  constructor({ directory, clock }: ServerFacts, caller: Caller, request: ServerRequest, verb: ObjectVerb) {
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
    const place = await this.#directory.placeOf(principal, target);
    if (place === undefined) throw noPlace(target);
    requireRight(place.role, this.#verb, path);
    const until = Math.min(principal.until ?? Number.POSITIVE_INFINITY, place.until ?? Number.POSITIVE_INFINITY);
    this.#seen = { changes, until };
    return place;
  }

  async #again(): Promise<void> {
    const { changes, until } = this.#seen;
    if (changes === this.#directory.changes && this.#clock.now() < until) return;
    await this.#look();
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
      await this.#again();
      yield piece;
    }
    if (atEnd) await this.#again();
  }
}

function noPlace(target: string): NeoError {
  return new NeoError('no-repository', `there is no target ${target} that you may look into`, {
    hint: 'neo target list shows those that there are; neo target create makes one',
  });
}
