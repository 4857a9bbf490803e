/** Entry of a backup's worker thread. */
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { isNeoError, messageOf, type NeoError } from '../../core/errors.ts';
import { systemRandom } from '../../core/random.ts';
import { StageClock } from '../../core/stages.ts';
import { serveJobs } from '../../core/threads.ts';
import { loadEngine } from '../../engine/load.ts';
import { profiledEngine } from '../../engine/profiled.ts';
import type { FinishedPack } from '../../repo/blob-entry.ts';
import { Credits } from './credits.ts';
import type { Job, JobResult, WorkerSetup } from './jobs.ts';
import { WorkerCore } from './worker-core.ts';

export interface ThreadData {
  readonly setup: WorkerSetup;
  readonly credits: SharedArrayBuffer;
}

export interface ThreadRequest {
  readonly job: Job;
  readonly tables: readonly SharedArrayBuffer[];
}

export type ThreadMessage =
  | { readonly type: 'result'; readonly result: JobResult }
  | { readonly type: 'pack'; readonly pack: FinishedPack }
  | { readonly type: 'failed'; readonly code: NeoError['code'] | undefined; readonly message: string };

const port = parentPort;
if (port === null) throw new Error('not a worker thread');
const { setup, credits: memory } = workerData as ThreadData;
const credits = new Credits(memory);
const clock = setup.profile ? new StageClock(`worker ${threadId}`, () => performance.now() / 1000) : undefined;
const loaded = await loadEngine(setup.engine);
const engine = clock === undefined ? loaded : profiledEngine(loaded, clock);
/** When the last job was done. */
let idleSince = clock?.now ?? 0;

function send(message: ThreadMessage, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer);
}

const core = new WorkerCore(setup, {
  engine,
  random: systemRandom,
  onPack(pack) {
    if (clock === undefined) credits.take(pack.bytes.length);
    else clock.time('wait', 0, () => credits.take(pack.bytes.length));
    send({ type: 'pack', pack }, pack.bytes.buffer instanceof ArrayBuffer ? [pack.bytes.buffer] : []);
  },
  stopped: () => credits.stopped,
  onRead: (bytes) => credits.addRead(bytes),
  ...(clock === undefined ? {} : { clock }),
});

serveJobs<ThreadRequest>(
  port,
  () => credits.ended,
  ({ job, tables }) => {
    clock?.add('wait', clock.now - idleSince, 0);
    try {
      const result = core.run(job, tables);
      send({ type: 'result', result });
    } catch (error) {
      send({ type: 'failed', code: isNeoError(error) ? error.code : undefined, message: messageOf(error) });
    }
    idleSince = clock?.now ?? 0;
  },
);
