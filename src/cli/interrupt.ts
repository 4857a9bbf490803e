/** Ctrl-C and the like: the first asks the command to stop in good order, the second ends the process. */
import { EXIT_CODES, NeoError } from '../core/errors.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Under the launcher one Ctrl-C arrives twice, from the terminal and passed on. Milliseconds; no person is faster. */
const SAME_PRESS = 250;

const anywhere = new AbortController();

/** Aborts, as any {@link Interrupt} does: for what serves all commands, and knows none. */
export const interruption: AbortSignal = anywhere.signal;

/** Takes the signals over until `release`. `note` gets one line for the user. */
export class Interrupt {
  readonly #controller = new AbortController();
  readonly #note: (text: string) => void;
  readonly #now: () => number;
  readonly #exit: (code: number) => void;
  #first: number | undefined;

  constructor(
    note: (text: string) => void,
    now: () => number = () => performance.now(),
    exit: (code: number) => void = (code) => process.exit(code),
  ) {
    this.#note = note;
    this.#now = now;
    this.#exit = exit;
    for (const name of SIGNALS) process.on(name, this.press);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Aborts with a NeoError `interrupted`; the second call, after {@link SAME_PRESS}, exits with 130. */
  readonly press = (): void => {
    if (this.#first === undefined) {
      this.#first = this.#now();
      this.#note('stopping (once more to stop at once)');
      const reason = new NeoError('interrupted', 'interrupted');
      this.#controller.abort(reason);
      anywhere.abort(reason);
    } else if (this.#now() - this.#first > SAME_PRESS) {
      this.#exit(EXIT_CODES.interrupted);
    }
  };

  release(): void {
    for (const name of SIGNALS) process.off(name, this.press);
  }
}
