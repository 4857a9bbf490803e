/** What goes to standard output: lines and tables for people, or JSON objects, one a line. Backpressure is honoured. */
import { systemCode } from '../core/errors.ts';
import { type Column, formatTable, safeText } from './table.ts';

/** Buffered text beyond this is written and waited for. */
const BATCH = 65_536;

export const JSON_VERSION = 1;

/** The reader of standard output went away (`neo ls | head`). Ends the command quietly; see report.ts. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

/** Values of a JSON line; bigint is not among them, bytes go through `toByteString`. */
export type JsonBody = { readonly [key: string]: unknown };

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly stdout?: NodeJS.WritableStream;
  readonly stderr?: NodeJS.WritableStream;
}

export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly #stdout: NodeJS.WritableStream;
  readonly #stderr: NodeJS.WritableStream;
  #parts: string[] = [];
  #size = 0;
  #scheduled = false;
  #failure: Error | undefined;
  #prepare: () => void = () => undefined;

  constructor(options: OutputOptions) {
    this.json = options.json;
    this.quiet = options.quiet;
    this.#stdout = options.stdout ?? process.stdout;
    this.#stderr = options.stderr ?? process.stderr;
  }

  /** Called before anything is said: whoever draws on the same terminal clears it there. */
  beforeSpeaking(prepare: () => void): void {
    this.#prepare = prepare;
  }

  /** One line for people; nothing with `--json`. Names in it must have gone through `displayBytes`. */
  async line(text: string): Promise<void> {
    if (this.json) return;
    await this.#push(`${text}\n`);
  }

  /** One object `{"v":1,"type":type,…}` a line; nothing without `--json`. */
  async object(type: string, body: JsonBody = {}): Promise<void> {
    if (!this.json) return;
    await this.#push(`${JSON.stringify({ v: JSON_VERSION, type, ...body })}\n`);
  }

  /** The same thing in both forms: the object with `--json`, else the line. */
  async record(type: string, body: JsonBody, text: string): Promise<void> {
    await (this.json ? this.object(type, body) : this.line(text));
  }

  /** Aligned columns for people; nothing with `--json`. Cells are escaped here. An empty list prints nothing. */
  async table(header: readonly Column[], rows: readonly (readonly string[])[]): Promise<void> {
    if (this.json || rows.length === 0) return;
    for (const line of formatTable(header, rows)) await this.line(line);
  }

  /** Raw bytes (`neo cat`), in either mode. */
  async bytes(chunk: Uint8Array): Promise<void> {
    await this.flush();
    await this.#write(chunk);
  }

  /** A remark on standard error; not with `--quiet`. */
  note(text: string): void {
    if (this.quiet) return;
    this.#prepare();
    this.#stderr.write(`neo: ${safeText(text)}\n`);
  }

  /** Something is wrong, but work goes on: always on standard error. */
  warn(text: string): void {
    this.#prepare();
    this.#stderr.write(`neo: warning: ${safeText(text)}\n`);
  }

  /** All that was handed over is with the system. @throws OutputClosed, or the write's error */
  async flush(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#size === 0) return;
    const text = this.#parts.join('');
    this.#parts = [];
    this.#size = 0;
    await this.#write(text);
  }

  async #push(text: string): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#parts.push(text);
    this.#size += text.length;
    if (this.#size >= BATCH) await this.flush();
    else this.#schedule();
  }

  /** Lines appear soon, even when nobody flushes. A failure is kept for the next call. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush().catch(() => undefined);
    });
  }

  #write(chunk: string | Uint8Array): Promise<void> {
    this.#prepare();
    return new Promise((resolve, reject) => {
      this.#stdout.write(chunk, (error) => {
        if (error === null || error === undefined) return resolve();
        this.#failure = systemCode(error) === 'EPIPE' ? new OutputClosed('output closed') : error;
        reject(this.#failure);
      });
    });
  }
}
