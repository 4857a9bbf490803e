/** Reads the event stream of long work: a bar on a terminal, objects with `--json`, silence in pipes. */
import { displayBytes, toByteString } from '../core/bytes.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import type { EventSink, NeoEvent, Progress } from '../core/events.ts';
import type { Output } from './output.ts';
import { progressLine } from './progress-line.ts';

/** Milliseconds between drawings, and between JSON lines. */
const DRAW_EVERY = 100;
const JSON_EVERY = 250;
/** The rate is that of the last so many milliseconds. */
const RATE_WINDOW = 5_000;

/** The terminal that the bar is drawn on. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

interface Sample {
  readonly at: number;
  readonly bytes: number;
}

export class ProgressReader {
  readonly #out: Output;
  readonly #screen: Screen;
  readonly #clock: Clock;
  readonly #draws: boolean;
  #drawn = false;
  #alarmed = false;
  #ended = false;
  #last = Number.NEGATIVE_INFINITY;
  #phase: string | undefined;
  #samples: Sample[] = [];

  constructor(out: Output, screen: Screen = process.stderr, clock: Clock = systemClock, term = process.env['TERM']) {
    this.#out = out;
    this.#screen = screen;
    this.#clock = clock;
    this.#draws = screen.isTTY === true && term !== 'dumb' && !out.json && !out.quiet;
    if (this.#draws) out.beforeSpeaking(() => this.#clear());
  }

  /** Something was said that the exit code has to tell, too. */
  get alarmed(): boolean {
    return this.#alarmed;
  }

  readonly sink: EventSink = (event) => {
    if (event.type === 'progress') this.#progress(event.phase, event.progress);
    else if (event.type === 'warning') this.#warning(event);
    else if (event.type === 'alarm') this.#alarm(event.message);
    else this.#note(event.message);
  };

  /** Takes the bar away; later progress is ignored, warnings still appear. */
  end(): void {
    this.#clear();
    this.#ended = true;
  }

  #progress(phase: string, progress: Progress): void {
    if (this.#ended || !(this.#draws || this.#out.json)) return;
    const now = this.#clock.monotonic();
    if (phase !== this.#phase) {
      this.#phase = phase;
      this.#samples = [];
      this.#last = Number.NEGATIVE_INFINITY;
    }
    if (now - this.#last < (this.#draws ? DRAW_EVERY : JSON_EVERY)) return;
    this.#last = now;
    if (this.#draws) this.#draw(phase, progress, this.#rate(now, progress.bytes));
    else this.#spoken(this.#out.object('progress', { phase, ...progress }));
  }

  /** Bytes a second over the window; undefined until there is something to divide by. */
  #rate(at: number, bytes: number): number | undefined {
    this.#samples.push({ at, bytes });
    while (this.#samples.length > 2 && at - (this.#samples[0]?.at ?? at) > RATE_WINDOW) this.#samples.shift();
    const first = this.#samples[0];
    return first === undefined || first.at === at ? undefined : ((bytes - first.bytes) / (at - first.at)) * 1000;
  }

  #draw(phase: string, progress: Progress, rate: number | undefined): void {
    // One column stays free: in the last one some terminals wrap.
    const line = progressLine(phase, progress, rate, (this.#screen.columns ?? 80) - 1);
    this.#screen.write(`\r${line}\x1b[K`);
    this.#drawn = true;
  }

  #clear(): void {
    if (this.#drawn) this.#screen.write('\r\x1b[K');
    this.#drawn = false;
  }

  #warning(event: Extract<NeoEvent, { type: 'warning' }>): void {
    const { path, ...rest } = event;
    this.#out.warn(path === undefined ? event.message : `${displayBytes(path)}: ${event.message}`);
    this.#spoken(this.#out.object('warning', { ...rest, path: path && toByteString(path) }));
  }

  #alarm(message: string): void {
    this.#alarmed = true;
    this.#warning({ type: 'warning', message: `ALARM: ${message}`, code: 'integrity' });
  }

  #note(message: string): void {
    this.#out.note(message);
    this.#spoken(this.#out.object('note', { message }));
  }

  /** The sink cannot wait. A failed write is kept by the output, and meets the command at its next line. */
  #spoken(writing: Promise<void>): void {
    writing.catch(() => undefined);
  }
}
