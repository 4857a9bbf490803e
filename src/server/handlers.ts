/** From a request to the verb that it names: names and rights are looked at here, before anything else. */
import type { ServedBackend } from '../backends/backend.ts';
import { NeoError } from '../core/errors.ts';
import type { Engine } from '../engine/engine.ts';
import { NAME, PROTOCOL, VERBS, type Verb } from '../protocol/verbs.ts';
import type { Answer, Handler, ServerRequest, Session } from './handler.ts';
import { ObjectVerbs } from './objects.ts';
import { requireRight } from './rights.ts';
import { checkPathSent } from './sent-paths.ts';

export interface ServerFacts {
  /** Of the program. */
  readonly version: string;
  /** Of this server, for ever. */
  readonly site: string;
  readonly engine: Engine;
  /** The storage of a target; undefined when there is none of that name. */
  target(name: string): Promise<ServedBackend | undefined>;
}

type ObjectVerb = Exclude<Verb, 'hello' | 'help'>;

export function makeHandler(facts: ServerFacts): Handler {
  return async (session, request) => {
    const { verb } = request;
    if (verb === 'hello') return hello(facts, session);
    if (verb === 'help') return { type: 'json', value: { verbs: VERBS } };
    return (await openTarget(facts, session, request))[verb as ObjectVerb](request);
  };
}

function hello({ version, site }: ServerFacts, { connection }: Session): Answer {
  return { type: 'json', value: { protocol: PROTOCOL, version, site, connection } };
}

/** Who may not look into a target is not told whether there is one. */
async function openTarget(facts: ServerFacts, session: Session, request: ServerRequest): Promise<ObjectVerbs> {
  const { verb, target, path } = request;
  if (!NAME.test(target)) throw new NeoError('usage', 'not the name of a target');
  requireRight(session.roleIn(target), verb, path);
  const folder = request.query.get('folder') ?? '';
  for (const each of [path, folder, request.query.get('after') ?? '']) if (each !== '') checkPathSent(each);
  const storage = await facts.target(target);
  if (storage === undefined) throw new NeoError('no-repository', `there is no target ${target}`);
  return new ObjectVerbs(facts.engine, storage);
}
