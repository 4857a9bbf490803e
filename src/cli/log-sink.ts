/** Where the lines of a server's log go: standard error, or a file that may be moved away under it. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { messageOf, NeoError } from '../core/errors.ts';
import { safeText } from './table.ts';

export interface LogSink {
  /** A person reads it as it comes. */
  readonly isTerminal: boolean;
  /** One line. Never fails: a log that cannot be written ends no server. */
  write(line: string): void;
  /** After the file was moved away: goes on in a new one. */
  reopen(): void;
}

/** @param path undefined: standard error. @throws NeoError when the file cannot be written */
export function openLogSink(path: string | undefined): LogSink {
  if (path !== undefined) return fileSink(path);
  const { stderr } = process;
  // Whoever read it went away.
  stderr.on('error', () => undefined);
  const isTerminal = stderr.isTTY === true;
  return {
    isTerminal,
    write: (line) => void stderr.write(isTerminal ? `${safeText(line.trimEnd())}\n` : line),
    reopen: () => undefined,
  };
}

function fileSink(path: string): LogSink {
  const open = (): number => openSync(path, 'a', 0o600);
  let file: number;
  try {
    file = open();
  } catch (cause) {
    throw new NeoError('failed', `cannot write the log ${path}: ${messageOf(cause)}`, { cause });
  }
  return {
    isTerminal: false,
    // At once: what was written stays when the process is killed.
    write(line) {
      try {
        writeSync(file, line);
      } catch {
        // A full disk.
      }
    },
    reopen() {
      try {
        const fresh = open();
        closeSync(file);
        file = fresh;
      } catch {
        // Its folder is gone: the old file is better than none.
      }
    },
  };
}
