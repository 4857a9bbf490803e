/** Whose snapshot it is: a host is what a client says, a key is what it has. */
import type { Snapshot } from './listing.ts';

/**
 * What to tell whoever takes the latest snapshot unseen: with a stolen write key anybody makes one that claims any host.
 * @returns undefined when all that claim this host were made with one key
 */
export function sharedHostNote(snapshots: readonly Snapshot[], { name, head, body }: Snapshot): string | undefined {
  const rivals = snapshots.filter((other) => other.body.host === body.host && other.head.client !== head.client);
  if (rivals.length === 0) return undefined;
  const keys = [...new Set(rivals.map((rival) => rival.head.client.slice(0, 8)))].join(', ');
  const host = JSON.stringify(body.host);
  return `snapshot ${name.slice(0, 8)} of ${host} was made with key ${head.client.slice(0, 8)}, others of that host with ${keys}: see neo key list`;
}
