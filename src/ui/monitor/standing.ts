/** How a server stands, and what of it is on the screen: rows between the panes and the totals. */
import { displayText } from '../../core/bytes.ts';
import { formatBytes, formatCount, formatCounted, formatDuration } from '../../core/format.ts';
import type { Line } from './lines.ts';

export interface LedgerNow {
  /** Milliseconds of a clock that never goes back. */
  readonly at: number;
  readonly key: string;
  readonly entries: number;
  /** The most that a replica has signed. */
  readonly witnessed: number | null;
}

export interface ReplicaNow {
  readonly name: string;
  readonly state: string;
  readonly queued: number;
  /** Milliseconds for which the oldest of it waits. */
  readonly lag: number | undefined;
  readonly sentObjects: number;
  readonly sentBytes: number;
  readonly witnessed: number | null;
  readonly error: string | null;
}

export interface Standing {
  /** Undefined: not known at the moment. */
  readonly ledger: LedgerNow | undefined;
  /** When the monitor began, or another ledger did. */
  readonly began: LedgerNow | undefined;
  /** As it stood in the last minute, and once before it; the oldest first. */
  readonly minute: readonly LedgerNow[];
  readonly replicas: readonly ReplicaNow[];
}

export const NO_STANDING: Standing = { ledger: undefined, began: undefined, minute: [], replicas: [] };

const MINUTE_MS = 60_000;

export function grown(standing: Standing, ledger: LedgerNow): Standing {
  const { began } = standing;
  // One that was brought back from a backup, or is another one, begins anew.
  if (began === undefined || began.key !== ledger.key || began.entries > ledger.entries) {
    return { ...standing, ledger, began: ledger, minute: [ledger] };
  }
  const all = [...standing.minute, ledger];
  const before = all.findLastIndex(({ at }) => at <= ledger.at - MINUTE_MS);
  return { ...standing, ledger, minute: all.slice(Math.max(0, before)) };
}

/** While the server is away nothing is known; how it grew goes on from where it was. */
export function lost(standing: Standing): Standing {
  return { ...standing, ledger: undefined, replicas: [] };
}

/** Entries since the monitor began, and in the last minute. */
export function growthOf({ ledger, began, minute }: Standing): { readonly added: number; readonly perMinute: number } {
  const entries = ledger?.entries ?? 0;
  const since = (from: LedgerNow | undefined): number => (from === undefined ? 0 : entries - from.entries);
  return { added: since(began), perMinute: Math.max(0, since(minute[0])) };
}

/** Of the rows that the panes could have it takes no more than one in three. */
const SHARE = 3;
/** Heading and a replica. */
const SHORTEST_TABLE = 2;

interface Rows {
  readonly ledger: number;
  /** Without its heading; the last one may say how many more there are. */
  readonly table: number;
}

function rowsOf({ ledger, replicas }: Standing, height: number): Rows {
  const room = Math.floor(height / SHARE);
  const forLedger = ledger === undefined ? 0 : Math.min(1, room);
  const left = room - forLedger;
  const table = replicas.length === 0 || left < SHORTEST_TABLE ? 0 : Math.min(replicas.length, left - 1);
  return { ledger: forLedger, table };
}

/** @param height rows of the screen that it shares with the panes */
export function standingHeight(standing: Standing, height: number): number {
  const { ledger, table } = rowsOf(standing, height);
  return ledger + (table === 0 ? 0 : table + 1);
}

export type StandingLine = Omit<Line, 'id'>;

/** As many as {@link standingHeight} says. */
export function standingLines(standing: Standing, height: number, width: number): readonly StandingLine[] {
  const { ledger, table } = rowsOf(standing, height);
  return [
    ...(ledger === 0 ? [] : [ledgerLine(standing)]),
    ...(table === 0 ? [] : tableOf(standing.replicas, table, width)),
  ];
}

function ledgerLine(standing: Standing): StandingLine {
  const { entries = 0, witnessed = null } = standing.ledger ?? {};
  const { added, perMinute } = growthOf(standing);
  const words = [
    `  ledger ${formatCounted(entries, 'entry', 'entries')}`,
    `+${formatCount(added)} since start`,
    `${formatCount(perMinute)}/min`,
    witnessed === null ? '' : `${formatCount(witnessed)} signed by replicas`,
  ];
  return { text: words.filter((word) => word !== '').join(' · '), look: 'plain' };
}

const WIDE = 120;
const LONGEST_NAME = 20;

interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
  readonly isWide?: boolean;
  readonly cell: (replica: ReplicaNow) => string;
}

const COLUMNS: readonly Column[] = [
  { title: 'replica', cell: ({ name }) => (name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name) },
  { title: 'state', cell: ({ state }) => state },
  { title: 'queued', isNumber: true, cell: ({ queued }) => formatCount(queued) },
  { title: 'lag', isNumber: true, cell: ({ lag }) => (lag === undefined ? '' : formatDuration(lag)) },
  { title: 'objects sent', isNumber: true, isWide: true, cell: ({ sentObjects }) => formatCount(sentObjects) },
  { title: 'sent', isNumber: true, isWide: true, cell: ({ sentBytes }) => formatBytes(sentBytes) },
  {
    title: 'signed',
    isNumber: true,
    isWide: true,
    cell: ({ witnessed }) => (witnessed === null ? '' : formatCount(witnessed)),
  },
  { title: 'problem', cell: ({ error }) => error ?? '' },
];

/** What does not fit on a line is cut off there: the problem stands last. */
function tableOf(replicas: readonly ReplicaNow[], rows: number, width: number): StandingLine[] {
  const fits = replicas.length <= rows;
  // Where not all are seen, those are with which something is wrong.
  const sorted = fits ? replicas : replicas.toSorted((one, other) => rank(one) - rank(other));
  const shown = fits ? sorted : sorted.slice(0, rows - 1);
  const columns = COLUMNS.filter(({ isWide = false }) => !isWide || width >= WIDE);
  const cells = shown.map((replica) => columns.map(({ cell }) => displayText(cell(replica).toWellFormed())));
  const widths = columns.map(({ title }, n) => Math.max(title.length, ...cells.map((row) => row[n]?.length ?? 0)));
  const textOf = (row: readonly string[]): string =>
    `  ${row.map((cell, n) => (columns[n]?.isNumber === true ? cell.padStart(widths[n] ?? 0) : cell.padEnd(widths[n] ?? 0))).join('  ')}`.trimEnd();
  const heading: StandingLine = { text: textOf(columns.map(({ title }) => title)), look: 'dim' };
  const lines = cells.map((row, n): StandingLine => ({ text: textOf(row), look: lookOf(shown[n]) }));
  const more = replicas.length - shown.length;
  const rest: StandingLine[] = more === 0 ? [] : [{ text: `  and ${formatCount(more)} more`, look: 'dim' }];
  return [heading, ...lines, ...rest];
}

function rank({ error, queued }: ReplicaNow): number {
  if (error !== null) return 0;
  return queued > 0 ? 1 : 2;
}

function lookOf(replica: ReplicaNow | undefined): Line['look'] {
  if (replica?.state === 'refused') return 'error';
  return replica === undefined || replica.error === null ? 'plain' : 'warning';
}
