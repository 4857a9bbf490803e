/** Bytes of a snapshot that come from standard input, or from a command that must succeed. */
import { spawn } from 'node:child_process';
import { addAbortSignal, type Readable } from 'node:stream';
import { NeoError } from '../core/errors.ts';

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
  const child = spawn(program, rest, { stdio: ['inherit', 'pipe', 'inherit'] });
  signal.addEventListener('abort', () => child.kill(), { once: true });
  const ended = new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, name) =>
      resolve(code === 0 ? undefined : name === null ? `exit code ${code}` : `${name}`),
    );
  });
  return {
    bytes: child.stdout,
    async finished() {
      const failure = await ended;
      if (signal.aborted) throw new NeoError('interrupted', 'interrupted: nothing was published');
      if (failure === undefined) return;
      throw new NeoError('failed', `the command ${program} failed: ${failure}`, { hint: 'nothing was published' });
    },
  };
}
