/** Bytes of a snapshot that come from standard input, or from a command that must succeed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { addAbortSignal, type Readable } from 'node:stream';
import { NeoError } from '../core/errors.ts';
import { childEnvironment } from './folders.ts';

export interface ByteStream {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** After the last byte. @throws NeoError failed when the command failed */
  readonly finished: () => Promise<void>;
}

/** Ends when `signal` fires, though whoever writes may go on. */
export function standardInput(signal: AbortSignal): ByteStream {
  return { bytes: untilAborted(process.stdin, signal), finished: async () => undefined };
}

async function* untilAborted(input: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* addAbortSignal(signal, input);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new NeoError('interrupted', 'interrupted: nothing was published');
  }
}

/** Runs the command without a shell; its errors go to ours. */
export function commandOutput(command: readonly string[], signal: AbortSignal): ByteStream {
  const [program, ...rest] = command;
  if (program === undefined) {
    throw new NeoError('usage', '--stdin-from-command needs a command', {
      hint: 'such as: neo snapshot --stdin-from-command --stdin-filename db.sql -- pg_dump db',
    });
  }
  let ended: Promise<string | undefined> = Promise.resolve('it was not started');
  async function* output(name: string): AsyncGenerator<Uint8Array> {
    // Not before its output is read: what a child leaves unread at its end, Node throws away.
    const child = spawn(name, rest, { stdio: ['inherit', 'pipe', 'inherit'], env: childEnvironment(process.env) });
    ended = endOf(child);
    const stop = (): boolean => child.kill();
    signal.addEventListener('abort', stop, { once: true });
    try {
      yield* child.stdout;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }
  return {
    bytes: output(program),
    async finished() {
      const failure = await ended;
      if (signal.aborted) throw new NeoError('interrupted', 'interrupted: nothing was published');
      if (failure === undefined) return;
      throw new NeoError('failed', `the command ${program} failed: ${failure}`, { hint: 'nothing was published' });
    },
  };
}

/** Undefined after success, else why it failed. */
function endOf(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, name) =>
      resolve(code === 0 ? undefined : name === null ? `exit code ${code}` : `${name}`),
    );
  });
}
