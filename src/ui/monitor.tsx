/** What happens at a server, on a terminal, until the user leaves: the screen of `neo monitor`. */
import { render, useApp, useInput, useWindowSize } from 'ink';
import { type ReactNode, useEffect, useReducer } from 'react';
import { displayText } from '../core/bytes.ts';
import { happeningsOf } from './monitor/keys.ts';
import type { LogEntry, ObjectEntry } from './monitor/lines.ts';
import { FRAME_LINES, Screen } from './monitor/screen.tsx';
import type { LedgerNow, ReplicaNow } from './monitor/standing.ts';
import { type Counts, type Happening, initialState, reduce } from './monitor/state.ts';

export type MonitorNews =
  | { readonly type: 'on' }
  | { readonly type: 'away'; readonly message: string }
  | { readonly type: 'log'; readonly entry: LogEntry }
  | { readonly type: 'object'; readonly entry: ObjectEntry }
  | { readonly type: 'unread'; readonly count: number }
  | { readonly type: 'counts'; readonly counts: Omit<Counts, 'at'> }
  | { readonly type: 'ledger'; readonly ledger: Omit<LedgerNow, 'at'> }
  | { readonly type: 'replicas'; readonly replicas: readonly ReplicaNow[] };

export interface MonitorSource {
  /** What is watched. */
  readonly title: string;
  /** Tells what happens until the signal fires; what it throws ends the monitor. */
  readonly follow: (tell: (news: MonitorNews) => void, signal: AbortSignal) => Promise<void>;
}

/** So much is drawn at once: of thousands a second nobody reads each. */
const GATHER_MS = 100;
const SECOND_MS = 1_000;

/** @throws what the source throws; the screen is as it was before */
export async function showMonitor(source: MonitorSource): Promise<void> {
  const isColored = (process.env['NO_COLOR'] ?? '') === '';
  const app = render(<Monitor source={source} isColored={isColored} />, {
    alternateScreen: true,
    interactive: true,
    exitOnCtrlC: false,
  });
  await app.waitUntilExit();
}

function Monitor({ source, isColored }: { readonly source: MonitorSource; readonly isColored: boolean }): ReactNode {
  const { exit } = useApp();
  const { columns, rows } = useWindowSize();
  const height = rows - FRAME_LINES;
  const [state, happen] = useReducer(reduce, height, initialState);

  useInput((input, key) => {
    for (const happening of happeningsOf(input, key)) happen(happening);
  });

  useEffect(() => happen({ type: 'resize', height }), [height]);

  useEffect(() => {
    if (state.isOver) exit();
  }, [state.isOver, exit]);

  useEffect(() => {
    const leaving = new AbortController();
    const { add, end } = gathered(happen);
    const second = setInterval(() => happen({ type: 'tick', time: now() }), SECOND_MS);
    source.follow(add, leaving.signal).then(
      () => exit(),
      (error: unknown) => exit(error instanceof Error ? error : new Error(String(error))),
    );
    return () => {
      leaving.abort();
      clearInterval(second);
      end();
    };
  }, [source, exit]);

  return <Screen state={state} title={source.title} width={columns} isColored={isColored} />;
}

function now(): string {
  return new Date().toISOString();
}

/** What comes is handed on a few times a second, in the order in which it came. */
function gathered(happen: (happening: Happening) => void) {
  let log: LogEntry[] = [];
  let objects: ObjectEntry[] = [];
  const flush = (): void => {
    if (log.length + objects.length > 0) happen({ type: 'told', log, objects });
    [log, objects] = [[], []];
  };
  const timer = setInterval(flush, GATHER_MS);
  const add = (news: MonitorNews): void => {
    if (news.type === 'log') log.push(news.entry);
    else if (news.type === 'object') objects.push(news.entry);
    else {
      flush();
      happen(happeningOf(news));
    }
  };
  return { add, end: () => clearInterval(timer) };
}

function happeningOf(news: Exclude<MonitorNews, { type: 'log' | 'object' }>): Happening {
  switch (news.type) {
    case 'on':
      return { type: 'on', time: now() };
    case 'away':
      return { type: 'away', message: displayText(news.message), time: now() };
    case 'unread':
      return { type: 'unread', count: news.count, time: now() };
    case 'counts':
      return { type: 'counts', counts: { ...news.counts, at: performance.now() } };
    case 'ledger':
      return { type: 'ledger', ledger: { ...news.ledger, at: performance.now() } };
    case 'replicas':
      return news;
  }
}
