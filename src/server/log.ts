/**
 * What happens on a server, for whoever runs it: one line for each thing, without secrets. Neither tokens, codes, proofs and keys nor bytes of
 * objects are ever among the details; names that people gave to accounts, targets and devices are.
 */
import type { Clock } from '../core/clock.ts';
import { LEVELS, type Level } from '../protocol/settings.ts';

const EVENTS = {
  started: 'info',
  listening: 'info',
  /** A policy is switched off, on loopback. */
  dev: 'warning',
  login: 'info',
  'login-refused': 'warning',
  enrol: 'info',
  'enrol-refused': 'warning',
  /** A device or a token. */
  revoked: 'info',
  /** Whatever else is written down in the audit log. */
  change: 'info',
  /** Somebody asked for what he may not. */
  refused: 'warning',
  request: 'debug',
  fault: 'error',
  unhealthy: 'error',
  certificate: 'info',
  'certificate-refused': 'warning',
  /** Objects of a target that the database does not name. */
  'unknown-folder': 'warning',
  /** The database knows objects, and there is no folder. */
  'missing-folder': 'error',
  /** Another server that is sent what comes here. */
  'replica-reached': 'info',
  'replica-unreachable': 'warning',
  'replica-refused': 'warning',
  'replica-compared': 'info',
  /** The bytes of an object are not those of its name: it was set aside, and is sent again by another server. */
  damaged: 'error',
  stopping: 'info',
  ended: 'info',
} as const satisfies Readonly<Record<string, Level>>;

export type LogEvent = keyof typeof EVENTS;
export type LogDetail = Readonly<Record<string, unknown>>;
export type Log = (event: LogEvent, detail: LogDetail) => void;

/** For servers that nobody listens to. */
export const silentLog: Log = () => undefined;

export interface LogOptions {
  /** What says more is left out. */
  readonly level: Level;
  /** `text`: for people at a terminal. */
  readonly form: 'json' | 'text';
  /** One line, with its end. */
  readonly write: (line: string) => void;
  readonly clock: Pick<Clock, 'now'>;
}

export interface ServerLog {
  readonly log: Log;
  /** From now on. */
  setLevel(level: Level): void;
  /** Writes what was held back. */
  end(): void;
}

export function makeLog({ level, form, write, clock }: LogOptions): ServerLog {
  let most = LEVELS.indexOf(level);
  const line = form === 'json' ? jsonLine : textLine;
  const say = (event: LogEvent, detail: LogDetail): void =>
    write(line(new Date(clock.now()).toISOString(), EVENTS[event], event, detail));
  const damper = new Damper(say);
  return {
    log(event, detail) {
      if (LEVELS.indexOf(EVENTS[event]) > most) return;
      // What was held back comes before the end.
      if (event === 'ended') damper.end();
      const who = whoseOf(event, detail);
      if (who === undefined) say(event, detail);
      else damper.say(who, event, detail);
    },
    setLevel(next) {
      most = LEVELS.indexOf(next);
    },
    end: () => damper.end(),
  };
}

function jsonLine(time: string, level: Level, event: LogEvent, detail: LogDetail): string {
  return `${JSON.stringify({ time, level, event, ...detail })}\n`;
}

/** `12:30:01 warning refused account=ann network=10.0.0.1`, by the clock of UTC; what is no plain word stands in quotes. */
function textLine(time: string, level: Level, event: LogEvent, detail: LogDetail): string {
  const words = Object.entries(detail).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${word(value)}`],
  );
  return `${[time.slice(11, 19), level, event, ...words].join(' ')}\n`;
}

function word(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:/@+,-]+$/.test(value)) return value;
  return JSON.stringify(value) ?? '';
}

/** Of events that others can cause as often as they like: whose are held back together. */
function whoseOf(event: LogEvent, { account, network, error, replica }: LogDetail): string | undefined {
  if (event === 'refused') return `${event} ${account} ${network}`;
  // The account is what somebody typed.
  if (event === 'login-refused' || event === 'enrol-refused') return `${event} ${network}`;
  if (event === 'replica-refused') return `${event} ${replica}`;
  if (event === 'fault') return `${event} ${String(error).split('\n', 1)[0]}`;
  return undefined;
}

const DAMPED_MS = 1_000;
const MOST_WATCHED = 10_000;

interface Damped {
  readonly timer: NodeJS.Timeout;
  event: LogEvent;
  last: LogDetail | undefined;
  count: number;
}

/** One line a second of each; the last of a second says how many were left out before it: `unwritten`. */
class Damper {
  readonly #say: Log;
  readonly #watched = new Map<string, Damped>();

  constructor(say: Log) {
    this.#say = say;
  }

  say(who: string, event: LogEvent, detail: LogDetail): void {
    // Whoever comes from everywhere at once shares one line.
    const key = this.#watched.size < MOST_WATCHED || this.#watched.has(who) ? who : event;
    const known = this.#watched.get(key);
    if (known === undefined) {
      this.#say(event, detail);
      this.#watch(key, event);
      return;
    }
    known.event = event;
    known.last = detail;
    known.count += 1;
  }

  #watch(key: string, event: LogEvent): void {
    const timer = setTimeout(() => this.#second(key), DAMPED_MS);
    timer.unref();
    this.#watched.set(key, { timer, event, last: undefined, count: 0 });
  }

  #second(key: string): void {
    const damped = this.#watched.get(key);
    this.#watched.delete(key);
    if (damped?.last === undefined) return;
    this.#write(damped);
    this.#watch(key, damped.event);
  }

  #write({ event, last, count }: Damped): void {
    if (last !== undefined) this.#say(event, count === 1 ? last : { ...last, unwritten: count - 1 });
  }

  end(): void {
    for (const damped of this.#watched.values()) {
      clearTimeout(damped.timer);
      this.#write(damped);
    }
    this.#watched.clear();
  }
}
