/** How a server stands while somebody watches it: its ledger, and those that are sent what it has. Asked for every few seconds, for no event tells of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlClient } from '../backends/neo-control.ts';
import type { ReplicaStatus } from '../protocol/replication.ts';

export interface LedgerStanding {
  /** Public, in hex: another one is another ledger. */
  readonly key: string;
  readonly entries: number;
  /** The most that a replica has signed; null: none has. */
  readonly witnessed: number | null;
  /** When the server said so, by its clock: milliseconds since 1970. */
  readonly time: number;
}

export type Standing =
  | { readonly type: 'ledger'; readonly ledger: LedgerStanding }
  /** `time`: as of a {@link LedgerStanding}. */
  | { readonly type: 'replicas'; readonly replicas: readonly ReplicaStatus[]; readonly time: number };

/** A replica with how long the oldest waits of what is still to be sent to it: milliseconds, by the server's clock alone. */
export type ReplicaLag = ReplicaStatus & { readonly lag: number | undefined };

export function withLags(replicas: readonly ReplicaStatus[], time: number): ReplicaLag[] {
  return replicas.map((each) => ({ ...each, lag: each.since === null ? undefined : Math.max(0, time - each.since) }));
}

/** What is asked of a server. */
export type Asked = Pick<ControlClient, 'call'>;

const EVERY_MS = 2_000;
/** Until the events are there. */
const NOT_YET_MS = 100;

/**
 * Until the signal fires. What the server does not answer is left out: an older neo knows no replicas.
 * @param isOn whether it is connected: else nothing is asked
 * @throws what `tell` throws
 */
export async function followStanding(
  client: Asked,
  isOn: () => boolean,
  tell: (standing: Standing) => Promise<void> | void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const standing of isOn() ? await standingOf(client) : []) {
      // What was asked for before the line was cut is old.
      if (isOn() && !signal.aborted) await tell(standing);
    }
    await sleep(isOn() ? EVERY_MS : NOT_YET_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function standingOf(client: Asked): Promise<Standing[]> {
  const [ledger, replicas] = await Promise.all([
    client.call('ledger-head', {}).catch(() => undefined),
    client.call('replicas', {}).catch(() => undefined),
  ]);
  const time = ledger?.head.time ?? Date.now();
  const all: Standing[] = [];
  if (ledger !== undefined) {
    const { key, head, witnesses = [] } = ledger;
    const witnessed = witnesses.length === 0 ? null : Math.max(...witnesses.map(({ size }) => size));
    all.push({ type: 'ledger', ledger: { key, entries: head.size, witnessed, time } });
  }
  if (replicas !== undefined) all.push({ type: 'replicas', replicas: replicas.replicas, time });
  return all;
}
