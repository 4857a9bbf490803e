/** What the monitor shows, as a pure function of what happened: panes of lines, of which one is scrolled, and totals. */
import { type Line, type LogEntry, logLine, noteLine, type ObjectEntry, objectLine, storedLine } from './lines.ts';
import {
  grown,
  type LedgerNow,
  lost,
  NO_STANDING,
  type ReplicaNow,
  type Standing,
  standingHeight,
} from './standing.ts';

/** From above to below. */
export const PANES = ['log', 'objects'] as const;
export type PaneName = (typeof PANES)[number];

export interface Pane {
  /** The oldest first; of those that came no more than {@link MOST_LINES}. */
  readonly lines: readonly Line[];
  /** What is shown in their place while it is paused. */
  readonly frozen: readonly Line[] | undefined;
  /** Lines below those that are seen; 0: follows what comes. */
  readonly back: number;
}

export interface Amount {
  readonly objects: number;
  readonly bytes: number;
}

/** Of the server as a whole, when it was asked last. */
export interface Counts {
  /** Milliseconds of a clock that never goes back. */
  readonly at: number;
  readonly connections: number;
  readonly requests: number;
}

export interface MonitorState {
  readonly panes: Readonly<Record<PaneName, Pane>>;
  readonly chosen: PaneName;
  /** Rows that the panes share with the standing, without their titles. */
  readonly height: number;
  readonly isHelp: boolean;
  readonly isOver: boolean;
  /** Why nothing is told at the moment. */
  readonly away: string | undefined;
  /** What was put since the monitor began, and how many were removed. */
  readonly stored: Amount;
  readonly removed: number;
  /** What was put in this second, and in those before it, the newest last. */
  readonly second: Amount;
  readonly seconds: readonly Amount[];
  /** Of this second, by what and who: for the log. */
  readonly news: Readonly<Record<string, Amount>>;
  readonly counts: Counts | undefined;
  readonly requestRate: number | undefined;
  readonly standing: Standing;
  readonly nextId: number;
}

/** What keys do to the panes. */
type PaneHappening =
  /** Lines forth, or back where it is negative; and screens of them. */
  { readonly type: 'scroll' | 'page'; readonly by: number } | { readonly type: 'first' | 'last' | 'pane' | 'pause' };

type StandingHappening =
  | { readonly type: 'ledger'; readonly ledger: LedgerNow }
  | { readonly type: 'replicas'; readonly replicas: readonly ReplicaNow[] };

export type Happening =
  | PaneHappening
  | { readonly type: 'help' | 'quit' }
  | { readonly type: 'on'; readonly time: string }
  | { readonly type: 'away'; readonly message: string; readonly time: string }
  | { readonly type: 'resize'; readonly height: number }
  | { readonly type: 'told'; readonly log: readonly LogEntry[]; readonly objects: readonly ObjectEntry[] }
  | { readonly type: 'unread'; readonly count: number; readonly time: string }
  | { readonly type: 'counts'; readonly counts: Counts }
  | StandingHappening
  /** A second has gone by. */
  | { readonly type: 'tick'; readonly time: string };

const MOST_LINES = 1_000;
/** Over which amounts a second are a mean. */
const SECONDS = 5;
const CONNECTING = 'connecting';
const NOTHING: Amount = { objects: 0, bytes: 0 };
const EMPTY: Pane = { lines: [], frozen: undefined, back: 0 };

export function initialState(height: number): MonitorState {
  return {
    panes: { log: EMPTY, objects: EMPTY },
    chosen: 'log',
    height: Math.max(PANES.length, height),
    isHelp: false,
    isOver: false,
    away: CONNECTING,
    stored: NOTHING,
    removed: 0,
    second: NOTHING,
    seconds: [],
    news: {},
    counts: undefined,
    requestRate: undefined,
    standing: NO_STANDING,
    nextId: 0,
  };
}

export function isPaused({ panes }: MonitorState): boolean {
  return panes.log.frozen !== undefined;
}

/** Rows of each pane: the last one has what cannot be shared. */
export function heightOf({ height, standing }: Pick<MonitorState, 'height' | 'standing'>, name: PaneName): number {
  const shared = height - standingHeight(standing, height);
  const each = Math.floor(shared / PANES.length);
  return name === PANES.at(-1) ? shared - each * (PANES.length - 1) : each;
}

/** The lines of a pane that are on the screen. */
export function seen(state: MonitorState, name: PaneName): readonly Line[] {
  const pane = state.panes[name];
  const lines = pane.frozen ?? pane.lines;
  const end = lines.length - pane.back;
  return lines.slice(Math.max(0, end - heightOf(state, name)), end);
}

export function reduce(state: MonitorState, happening: Happening): MonitorState {
  switch (happening.type) {
    case 'told':
      return told(state, happening.log, happening.objects);
    case 'tick':
      return ticked(state, happening.time);
    case 'counts':
      return counted(state, happening.counts);
    case 'ledger':
    case 'replicas':
      return stood(state, happening);
    case 'on':
      return connected(state, happening.time);
    case 'away':
      return left(state, happening.message, happening.time);
    case 'unread':
      return said(state, happening.time, [`too many to read: ${happening.count} were left out`]);
    default:
      return keyed(state, happening);
  }
}

type KeyHappening = Exclude<
  Happening,
  { type: 'told' | 'tick' | 'counts' | 'ledger' | 'replicas' | 'on' | 'away' | 'unread' }
>;

function keyed(state: MonitorState, happening: KeyHappening): MonitorState {
  switch (happening.type) {
    case 'quit':
      return { ...state, isOver: true };
    case 'resize':
      return inBounds({ ...state, height: Math.max(PANES.length, happening.height) });
    case 'help':
      return { ...state, isHelp: !state.isHelp };
    default:
      // Any key closes the help.
      return state.isHelp ? { ...state, isHelp: false } : onPanes(state, happening);
  }
}

function onPanes(state: MonitorState, happening: PaneHappening): MonitorState {
  switch (happening.type) {
    case 'pane':
      return { ...state, chosen: PANES[(PANES.indexOf(state.chosen) + 1) % PANES.length] ?? state.chosen };
    case 'pause':
      return eachPane(state, (pane) =>
        pane.frozen === undefined ? { ...pane, frozen: pane.lines } : { ...pane, frozen: undefined, back: 0 },
      );
    case 'scroll':
      return scrolled(state, (back) => back - happening.by);
    case 'page':
      return scrolled(state, (back) => back - happening.by * Math.max(1, heightOf(state, state.chosen) - 1));
    case 'first':
      return scrolled(state, () => Number.MAX_SAFE_INTEGER);
    case 'last':
      return scrolled(state, () => 0);
  }
}

function scrolled(state: MonitorState, backOf: (back: number) => number): MonitorState {
  const pane = state.panes[state.chosen];
  const panes = { ...state.panes, [state.chosen]: { ...pane, back: backOf(pane.back) } };
  return inBounds({ ...state, panes });
}

function inBounds(state: MonitorState): MonitorState {
  return eachPane(state, (pane, name) => {
    const most = Math.max(0, (pane.frozen ?? pane.lines).length - heightOf(state, name));
    return { ...pane, back: Math.min(most, Math.max(0, pane.back)) };
  });
}

function eachPane(state: MonitorState, change: (pane: Pane, name: PaneName) => Pane): MonitorState {
  const changed = PANES.map((name) => [name, change(state.panes[name], name)] as const);
  return { ...state, panes: Object.fromEntries(changed) as Record<PaneName, Pane> };
}

/** What is read stays where it is. */
function added(pane: Pane, lines: readonly Line[]): Pane {
  if (lines.length === 0) return pane;
  const back = pane.back > 0 && pane.frozen === undefined ? pane.back + lines.length : pane.back;
  return { ...pane, lines: [...pane.lines, ...lines].slice(-MOST_LINES), back };
}

function withLines(state: MonitorState, name: PaneName, lines: readonly Omit<Line, 'id'>[]): MonitorState {
  const numbered = lines.map((line, n) => ({ ...line, id: state.nextId + n }));
  const panes = { ...state.panes, [name]: added(state.panes[name], numbered) };
  return inBounds({ ...state, panes, nextId: state.nextId + lines.length });
}

function said(state: MonitorState, time: string, texts: readonly string[]): MonitorState {
  return withLines(
    state,
    'log',
    texts.map((text) => noteLine(time, text)),
  );
}

function left(state: MonitorState, message: string, time: string): MonitorState {
  const unknown = { counts: undefined, requestRate: undefined, standing: lost(state.standing) };
  return said({ ...state, ...unknown, away: message }, time, [`${message}; trying again`]);
}

/** The panes may have more rows then, or fewer. */
function stood(state: MonitorState, happening: StandingHappening): MonitorState {
  const { standing } = state;
  const now =
    happening.type === 'ledger' ? grown(standing, happening.ledger) : { ...standing, replicas: happening.replicas };
  return inBounds({ ...state, standing: now });
}

function connected(state: MonitorState, time: string): MonitorState {
  const { away } = state;
  const on = { ...state, away: undefined };
  return away === undefined || away === CONNECTING ? on : said(on, time, ['connected again']);
}

function told(state: MonitorState, log: readonly LogEntry[], objects: readonly ObjectEntry[]): MonitorState {
  const news = { ...state.news };
  for (const { action, account, target, by, size } of objects) {
    const key = `${action} ${account}/${target} ${by}`;
    news[key] = sum(news[key] ?? NOTHING, { objects: 1, bytes: size });
  }
  const put = objects.filter(({ action }) => action === 'put');
  const amount = { objects: put.length, bytes: put.reduce((bytes, { size }) => bytes + size, 0) };
  const counted = {
    stored: sum(state.stored, amount),
    second: sum(state.second, amount),
    removed: state.removed + objects.length - put.length,
    news,
  };
  const withLog = withLines({ ...state, ...counted }, 'log', log.map(logLine));
  return withLines(withLog, 'objects', objects.map(objectLine));
}

function ticked(state: MonitorState, time: string): MonitorState {
  const seconds = [...state.seconds, state.second].slice(-SECONDS);
  const lines = Object.entries(state.news).map(([what, { objects, bytes }]) => storedLine(time, what, objects, bytes));
  return withLines({ ...state, seconds, second: NOTHING, news: {} }, 'log', lines);
}

function counted(state: MonitorState, counts: Counts): MonitorState {
  const before = state.counts;
  const span = before === undefined ? 0 : (counts.at - before.at) / 1000;
  const more = counts.requests - (before?.requests ?? 0);
  // A server that was started anew has counted less.
  const requestRate = span > 0 && more >= 0 ? more / span : undefined;
  return { ...state, counts, requestRate };
}

/** What is put in a second, in the mean of the last few. */
export function rateOf({ seconds }: MonitorState): Amount {
  const all = seconds.reduce(sum, NOTHING);
  const span = Math.max(1, seconds.length);
  return { objects: all.objects / span, bytes: all.bytes / span };
}

function sum(one: Amount, other: Amount): Amount {
  return { objects: one.objects + other.objects, bytes: one.bytes + other.bytes };
}
