/** What is counted while a server runs, and the text of it for Prometheus (its exposition format, version 0.0.4). */
import type { Clock } from '../core/clock.ts';
import { type ErrorCode, isNeoError } from '../core/errors.ts';
import type { ReplicaStatus } from '../protocol/replication.ts';
import type { Pieces } from './handler.ts';

/** `absent`: no such object. `cut`: whoever asked went away. `fault`: it went wrong here. */
export type Result = 'ok' | 'absent' | 'cut' | 'fault' | ErrorCode;

/** What those who carry the requests know. */
export interface Lines {
  readonly connections: number;
  /** Hung up on, for there were too many. */
  readonly refused: number;
}

export interface AccountMetrics {
  readonly account: string;
  readonly used: number;
  readonly objects: number;
  readonly quota: number | null;
}

export interface SnapshotAge {
  readonly account: string;
  readonly target: string;
  /** Milliseconds since 1970. */
  readonly newest: number;
}

/** What stands in the text beside the counters. */
export interface Stored {
  readonly accounts: readonly AccountMetrics[];
  readonly snapshots: readonly SnapshotAge[] | undefined;
  readonly replicas: readonly ReplicaStatus[];
  /** Of the ledger. */
  readonly entries: number;
  readonly version: string;
}

export class Metrics {
  readonly #clock: Clock;
  readonly #started: number;
  readonly #requests = new Map<string, number>();
  readonly #lines: (() => Lines)[] = [];
  #received = 0;
  #sent = 0;
  #faults = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#started = clock.monotonic();
  }

  /** Of each address that is listened at. */
  watch(lines: () => Lines): void {
    this.#lines.push(lines);
  }

  /** @param verb one of a closed set */
  answered(verb: string, result: Result): void {
    const labels = `{verb="${verb}",result="${result}"}`;
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
  }

  fault(): void {
    this.#faults += 1;
  }

  async *received(pieces: Pieces): Pieces {
    for await (const piece of pieces) {
      this.#received += piece.length;
      yield piece;
    }
  }

  sent(bytes: number): void {
    this.#sent += bytes;
  }

  text({ accounts, snapshots, replicas, entries, version }: Stored): string {
    const { rss, heapUsed, external } = process.memoryUsage();
    const lines = this.#lines.map((each) => each());
    const seconds = (this.#clock.monotonic() - this.#started) / 1000;
    return [
      metric('neo_info', 'gauge', 'The program', [[`{version="${escaped(version)}"}`, 1]]),
      metric('neo_uptime_seconds', 'gauge', 'Since the start', [['', Math.round(seconds)]]),
      metric('neo_requests_total', 'counter', 'Requests that were answered', [...this.#requests]),
      metric('neo_received_bytes_total', 'counter', 'Bytes of bodies that came', [['', this.#received]]),
      metric('neo_sent_bytes_total', 'counter', 'Bytes of objects that went out', [['', this.#sent]]),
      metric('neo_faults_total', 'counter', 'What went wrong in the server', [['', this.#faults]]),
      metric('neo_connections', 'gauge', 'Connections', [['', sum(lines.map((each) => each.connections))]]),
      metric('neo_refused_connections_total', 'counter', 'Connections beyond the limits', [
        ['', sum(lines.map((each) => each.refused))],
      ]),
      metric('process_resident_memory_bytes', 'gauge', 'Memory of the process', [['', rss]]),
      metric('neo_heap_used_bytes', 'gauge', 'Of that, in use by JavaScript', [['', heapUsed]]),
      metric('neo_external_bytes', 'gauge', 'Of that, buffers', [['', external]]),
      metric('neo_ledger_entries', 'gauge', 'Entries of the ledger', [['', entries]]),
      ...replicaText(replicas, this.#clock.now()),
      ...accountText(accounts),
      ...(snapshots === undefined ? [] : [ageText(snapshots, this.#clock.now())]),
    ].join('');
  }
}

/** How a request ended that threw. */
export function resultOf(error: unknown): Result {
  if (!isNeoError(error)) return 'fault';
  return isCut(error) ? 'cut' : error.code;
}

/** Whoever asked went away. */
function isCut(error: unknown): boolean {
  return isNeoError(error, 'unreachable') && error.cause !== undefined;
}

const WRONG_HERE: ReadonlySet<ErrorCode> = new Set(['failed', 'no-space', 'integrity', 'needs-newer-neo']);

/** A refusal by which nobody is told more than that it went wrong here: the cause is for the log. */
export function isFaultBehind(error: unknown): boolean {
  return isNeoError(error) && (error.code === 'no-space' || (WRONG_HERE.has(error.code) && error.cause !== undefined));
}

type Sample = readonly [labels: string, value: number];

function metric(name: string, type: 'gauge' | 'counter', help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  const lines = samples.map(([labels, value]) => `${name}${labels} ${value}\n`).sort();
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function accountText(accounts: readonly AccountMetrics[]): string[] {
  const of = (value: (each: AccountMetrics) => number | null): Sample[] =>
    accounts.flatMap((each) => {
      const found = value(each);
      return found === null ? [] : [[`{account="${escaped(each.account)}"}`, found] as const];
    });
  return [
    metric(
      'neo_account_used_bytes',
      'gauge',
      'What counts against the quota, charges too',
      of((each) => each.used),
    ),
    metric(
      'neo_account_objects',
      'gauge',
      'Objects that are stored',
      of((each) => each.objects),
    ),
    metric(
      'neo_account_quota_bytes',
      'gauge',
      'What may be stored; absent without a limit',
      of((each) => each.quota),
    ),
  ];
}

function replicaText(replicas: readonly ReplicaStatus[], now: number): string[] {
  const of = (value: (each: ReplicaStatus) => number): Sample[] =>
    replicas.map((each) => [`{replica="${escaped(each.name)}"}`, value(each)]);
  return [
    metric(
      'neo_replica_queued',
      'gauge',
      'Objects that are still to be sent',
      of(({ queued }) => queued),
    ),
    metric(
      'neo_replica_lag_seconds',
      'gauge',
      'How long the oldest of them waits',
      of(({ since }) => (since === null ? 0 : Math.max(0, Math.round((now - since) / 1000)))),
    ),
    metric(
      'neo_replica_problem',
      'gauge',
      '1: something is wrong',
      of(({ error }) => (error === null ? 0 : 1)),
    ),
  ];
}

function ageText(snapshots: readonly SnapshotAge[], now: number): string {
  const samples = snapshots.map(({ account, target, newest }): Sample => {
    const labels = `{account="${escaped(account)}",target="${escaped(target)}"}`;
    return [labels, Math.max(0, Math.round((now - newest) / 1000))];
  });
  return metric('neo_snapshot_age_seconds', 'gauge', 'Since the newest snapshot of a target came', samples);
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
