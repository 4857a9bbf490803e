/** What a LoadProcess runs: jobs as they are asked for. */
import { JOBS } from './load-jobs.ts';
import type { Answered, Asked } from './load-process.ts';

process.on('disconnect', () => process.exit());
process.on('message', (message) => void answer(message as Asked));

async function answer({ id, job, parameter }: Asked): Promise<void> {
  const act = JOBS[job] as (parameter: unknown) => Promise<unknown>;
  const answered: Answered = await act(parameter).then(
    (value) => ({ id, value }),
    (error: unknown) => ({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
  process.send?.(answered);
}
