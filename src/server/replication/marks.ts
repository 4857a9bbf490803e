/** What another server says of an object that it brings or removes, in the query of the request. */
import { NeoError } from '../../core/errors.ts';
import type { Place } from '../places.ts';

export interface Marked {
  readonly turns: number | undefined;
  readonly origin: string;
  readonly via: string | undefined;
}

const SITE = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Of a client: it began here. @param own site of this server. @throws NeoError usage */
export function markedBy({ role }: Pick<Place, 'role'>, query: ReadonlyMap<string, string>, own: string): Marked {
  if (role !== 'replica') return { turns: undefined, origin: own, via: undefined };
  const [turns, origin, via] = [query.get('turns') ?? '', query.get('origin') ?? '', query.get('via') ?? ''];
  if (/^[1-9]\d{0,14}$/.test(turns) && SITE.test(origin) && SITE.test(via))
    return { turns: Number(turns), origin, via };
  throw new NeoError('usage', 'a replica says turns, origin and via of each object');
}
