/** A process that puts load on a server, so that its event loop is not the one that measures. It ends with the one that started it. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { end, keep } from './children.ts';
import type { Job, Parameter, Result } from './load-jobs.ts';

export interface Asked {
  readonly id: number;
  readonly job: Job;
  readonly parameter: unknown;
}

export interface Answered {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class LoadProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;

  constructor() {
    this.#child = keep(fork(join(import.meta.dirname, 'load-worker.ts'), { serialization: 'advanced' }));
    this.#child.on('message', (message) => this.#settle(message as Answered));
    this.#child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('a process that makes load has ended'));
      this.#waiting.clear();
    });
  }

  /** Several at once run beside each other. @throws Error what went wrong there */
  do<J extends Job>(job: J, parameter: Parameter<J>): Promise<Result<J>> {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, job, parameter } satisfies Asked, (error) => error !== null && reject(error));
    }) as Promise<Result<J>>;
  }

  #settle({ id, value, error }: Answered): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  }

  stop(): Promise<void> {
    return end(this.#child);
  }
}

/** Ended when the work is. */
export async function withProcesses<T>(count: number, work: (processes: LoadProcess[]) => Promise<T>): Promise<T> {
  const processes = Array.from({ length: count }, () => new LoadProcess());
  try {
    return await work(processes);
  } finally {
    await Promise.all(processes.map((each) => each.stop()));
  }
}
