/** How long a greeting takes on a connection that stands, asked for at fixed times, whether the one before was answered or not. */
import { once } from 'node:events';
import http2, { type ClientHttp2Session } from 'node:http2';
import os from 'node:os';

interface Probing {
  readonly session: ClientHttp2Session;
  readonly timer: NodeJS.Timeout;
  readonly milliseconds: number[];
  /** How much later than it was to be each was asked. */
  readonly late: number[];
  readonly open: Set<Promise<void>>;
}

let probing: Probing | undefined;

export async function startProbe({ port, every }: { port: number; every: number }): Promise<void> {
  beFirst();
  const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  await once(session, 'connect');
  await hello(session);
  const [milliseconds, late, open]: [number[], number[], Set<Promise<void>>] = [[], [], new Set()];
  const from = performance.now();
  let turn = 0;
  const ask = (): void => {
    const behind = performance.now() - from - turn * every;
    if (behind < 0) return;
    late.push(behind);
    // What could not be asked in time is left out: else a pause here would look like many long answers.
    turn = Math.floor((performance.now() - from) / every) + 1;
    const asked = hello(session).then((took) => void milliseconds.push(took));
    open.add(asked);
    void asked.finally(() => open.delete(asked));
  };
  probing = { session, timer: setInterval(ask, 1), milliseconds, late, open };
}

/** Milliseconds of each greeting, in order. */
export async function stopProbe(_: object): Promise<{ milliseconds: number[]; late: number[] }> {
  if (probing === undefined) throw new Error('nothing was asked');
  const { session, timer, milliseconds, late, open } = probing;
  clearInterval(timer);
  await Promise.all(open);
  session.destroy();
  probing = undefined;
  const ascending = (a: number, b: number): number => a - b;
  return { milliseconds: milliseconds.sort(ascending), late: late.sort(ascending) };
}

async function hello(session: ClientHttp2Session): Promise<number> {
  const from = performance.now();
  const stream = session.request({ ':path': '/v1/hello' });
  stream.resume();
  await once(stream, 'end');
  return performance.now() - from;
}

/** That this process waits for a core is not what is asked. */
function beFirst(): void {
  try {
    os.setPriority(-10);
  } catch {
    // Only root may; `late` then shows more.
  }
}
