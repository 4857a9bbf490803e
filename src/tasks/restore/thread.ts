/** Entry of a restore's worker thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { discard } from '../../core/bytes.ts';
import { isNeoError, messageOf, type NeoError } from '../../core/errors.ts';
import { EndMark, serveJobs } from '../../core/threads.ts';
import { loadEngine } from '../../engine/load.ts';
import { decodeWrite, type EncodedWrite } from './job-codec.ts';
import type { Job, JobResult, WorkerSetup } from './jobs.ts';
import { WorkerCore } from './worker-core.ts';

export interface ThreadData {
  readonly setup: WorkerSetup;
  readonly end: SharedArrayBuffer;
}

export type ThreadMessage =
  | { readonly type: 'result'; readonly result: JobResult }
  | { readonly type: 'failed'; readonly code: NeoError['code'] | undefined; readonly message: string };

export type SentJob = Exclude<Job, { type: 'write' }> | EncodedWrite;

const port = parentPort;
if (port === null) throw new Error('not a worker thread');
const { setup, end: memory } = workerData as ThreadData;
const end = new EndMark(memory);
const core = new WorkerCore(setup, await loadEngine(setup.engine), () => end.isSet);

function run(sent: SentJob): ThreadMessage {
  try {
    if (sent.type !== 'encoded-write') return { type: 'result', result: core.run(sent) };
    const result = core.run(decodeWrite(sent));
    // It was handed over.
    discard(sent.bytes);
    return { type: 'result', result };
  } catch (error) {
    return { type: 'failed', code: isNeoError(error) ? error.code : undefined, message: messageOf(error) };
  }
}

serveJobs<SentJob>(
  port,
  () => end.isSet,
  (sent) => port.postMessage(run(sent)),
);
