/** How commands spread work over threads. */
import { availableParallelism } from 'node:os';

/** To start threads takes as long as to read, or write, about so many bytes. */
const THREADS_AFTER = 4 << 20;

/** For snapshots and restores. */
export function threads(workers = availableParallelism()): { readonly workers: number; readonly threadsAfter: number } {
  return { workers, threadsAfter: THREADS_AFTER };
}
