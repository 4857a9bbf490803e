/** The keys of a server, as commands print them. */
import type { ControlAnswer } from '../protocol/control.ts';
import type { Listed } from './listing.ts';
import type { JsonBody } from './output.ts';
import type { Column } from './table.ts';

type ServerKey = ControlAnswer<'keys'>['keys'][number];

const DATE_LENGTH = 10;

export const serverKeyColumns: readonly Column[] = ['Key', 'State', 'Since'];

export function serverKeyJson({ fingerprint, state, created }: ServerKey): JsonBody {
  return { fingerprint, state, created: new Date(created).toISOString() };
}

export function serverKeyListed(key: ServerKey): Listed {
  const json = serverKeyJson(key);
  return { json, row: [key.fingerprint, key.state, new Date(key.created).toISOString().slice(0, DATE_LENGTH)] };
}
