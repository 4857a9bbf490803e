/** The signals of a program that runs until it is ended. */
import { EXIT_CODES } from '../core/errors.ts';

/** Under the launcher one Ctrl-C arrives twice, from the terminal and passed on. Milliseconds. */
const SAME_PRESS = 250;

/**
 * Resolves with the name of the first SIGTERM or SIGINT; the second ends the process at once.
 * @param onHangUp SIGHUP: logs are to be opened anew. Undefined: it ends the program as the others do, as its terminal is gone
 */
export function stopSignal(onHangUp: (() => void) | undefined): Promise<string> {
  return new Promise((resolve) => {
    let first: number | undefined;
    const stop = (name: string): void => {
      if (first === undefined) {
        first = performance.now();
        resolve(name);
      } else if (performance.now() - first > SAME_PRESS) {
        process.exit(EXIT_CODES.interrupted);
      }
    };
    process.on('SIGTERM', stop).on('SIGINT', stop);
    process.on('SIGHUP', onHangUp ?? stop);
  });
}
