/** Entry of a check's worker thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { isNeoError, messageOf, type NeoError } from '../../core/errors.ts';
import { EndMark, serveJobs } from '../../core/threads.ts';
import { loadEngine } from '../../engine/load.ts';
import type { Job, JobResult, WorkerSetup } from './jobs.ts';
import { WorkerCore } from './worker-core.ts';

export interface ThreadData {
  readonly setup: WorkerSetup;
  readonly end: SharedArrayBuffer;
}

export type ThreadMessage =
  | { readonly type: 'result'; readonly result: JobResult }
  | { readonly type: 'failed'; readonly code: NeoError['code'] | undefined; readonly message: string };

const port = parentPort;
if (port === null) throw new Error('not a worker thread');
const { setup, end: memory } = workerData as ThreadData;
const end = new EndMark(memory);
const core = new WorkerCore(setup, await loadEngine(setup.engine));

function run(job: Job): ThreadMessage {
  try {
    return { type: 'result', result: core.run(job) };
  } catch (error) {
    return { type: 'failed', code: isNeoError(error) ? error.code : undefined, message: messageOf(error) };
  }
}

serveJobs<Job>(
  port,
  () => end.isSet,
  (job) => port.postMessage(run(job)),
);
