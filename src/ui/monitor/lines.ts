/** What is told, as lines on the screen: of one line each, and nothing in them that a terminal would obey. */
import { displayText } from '../../core/bytes.ts';
import { formatBytes, formatCounted, formatTime } from '../../core/format.ts';

export interface LogEntry {
  readonly time: string;
  readonly level: string;
  readonly event: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface ObjectEntry {
  readonly time: string;
  /** Whose target it is. */
  readonly account: string;
  readonly target: string;
  readonly action: 'put' | 'remove';
  readonly path: string;
  readonly size: number;
  readonly by: string;
}

export interface Line {
  /** Unique in a run. */
  readonly id: number;
  readonly text: string;
  readonly look: 'plain' | 'dim' | 'warning' | 'error';
}

type Unnumbered = Omit<Line, 'id'>;

const CLOCK_AT = 11;

/** Of the day, by the clock of this machine. */
function clock(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? '--:--:--' : formatTime(date).slice(CLOCK_AT);
}

const LEVEL_WIDTH = 7;
const LOOKS: Readonly<Record<string, Line['look']>> = { warning: 'warning', error: 'error' };

const FIRST = ['action', 'verb', 'reason', 'error'];

export function logLine({ time, level, event, detail }: LogEntry): Unnumbered {
  // On a narrow screen the end is cut off.
  const [first, rest] = [FIRST.map((name) => [name, detail[name]] as const), Object.entries(detail)];
  const others = rest.filter(([name]) => !FIRST.includes(name));
  const words = [...first, ...others].flatMap(([name, value]) => wordsOf(name, value));
  const text = [clock(time), level.padEnd(LEVEL_WIDTH), event, ...words].join(' ');
  return { text: safe(text), look: LOOKS[level] ?? 'plain' };
}

/** What is not there says nothing; what is in a detail stands for itself. */
function wordsOf(name: string, value: unknown): string[] {
  if (value === null || value === undefined) return [];
  if (typeof value === 'object' && !Array.isArray(value))
    return Object.entries(value).flatMap(([inner, each]) => wordsOf(inner, each));
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return [`${name}=${/^[\w.:/@+,-]+$/.test(text) ? text : JSON.stringify(text)}`];
}

const SIZE_WIDTH = 10;
const ACTION_WIDTH = 6;

/** Names that are hashes are not read by anybody: their beginnings do. */
export function objectLine({ time, account, target, action, path, size, by }: ObjectEntry): Unnumbered {
  const short = path.replaceAll(/([0-9a-f]{8})[0-9a-f]{24,}/g, '$1…');
  const amount = formatBytes(size).padStart(SIZE_WIDTH);
  const text = `${clock(time)} ${action.padEnd(ACTION_WIDTH)} ${amount}  ${account}/${target}  ${short}  ${by}`;
  return { text: safe(text), look: action === 'remove' ? 'warning' : 'plain' };
}

/** @param what of which action, where, and by whom */
export function storedLine(time: string, what: string, objects: number, bytes: number): Unnumbered {
  const text = `${clock(time)} ${''.padEnd(LEVEL_WIDTH)} ${what}: ${formatCounted(objects, 'object')}, ${formatBytes(bytes)}`;
  return { text: safe(text), look: 'dim' };
}

/** Of the monitor itself. */
export function noteLine(time: string, text: string): Unnumbered {
  return { text: safe(`${clock(time)} ${'monitor'.padEnd(LEVEL_WIDTH)} ${text}`), look: 'warning' };
}

function safe(text: string): string {
  return displayText(text.toWellFormed());
}
