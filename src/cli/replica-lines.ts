/** Servers that are sent what comes to one, as commands print them. */
import { formatBytes, formatDuration } from '../core/format.ts';
import type { ReplicaStatus } from '../protocol/replication.ts';
import type { Listed } from './listing.ts';
import type { JsonBody } from './output.ts';
import type { Column } from './table.ts';

export const replicaColumns: readonly Column[] = [
  'Name',
  'Location',
  'State',
  { numbers: 'Queued' },
  'Lag',
  { numbers: 'Sent' },
  'Problem',
];

function replicaJson({ created, since, compared, ...rest }: ReplicaStatus): JsonBody {
  const timeOf = (time: number | null): string | null => (time === null ? null : new Date(time).toISOString());
  return { ...rest, created: timeOf(created), since: timeOf(since), compared: timeOf(compared) };
}

/** @param now milliseconds since 1970 */
export function replicaListed(replica: ReplicaStatus, now: number): Listed {
  const { name, location, state, queued, since, sentBytes, error } = replica;
  const lag = since === null ? '' : formatDuration(now - since);
  return {
    json: replicaJson(replica),
    row: [name, location, state, String(queued), lag, formatBytes(sentBytes), error ?? ''],
  };
}
