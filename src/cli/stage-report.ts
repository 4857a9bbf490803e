/** NEO_PROFILE=1: one line for each thread, so that the bottleneck shows. */

import { formatBytes } from '../core/format.ts';
import { STAGES, type StageBudget } from '../core/stages.ts';
import type { Output } from './output.ts';

export function reportStages(out: Output, budgets: readonly StageBudget[] = []): void {
  for (const budget of budgets) out.note(stageLine(budget));
}

/** `worker 1: 2.50 s: read 0.40 s (2.0 GiB), …, other 0.21 s`; writing goes on beside the main thread's other work. */
export function stageLine({ thread, seconds, stages }: StageBudget): string {
  const used = STAGES.filter((stage) => stages[stage].seconds > 0);
  const parts = used.map((stage) => {
    const { seconds: spent, bytes } = stages[stage];
    return `${stage} ${spent.toFixed(2)} s${bytes === 0 ? '' : ` (${formatBytes(bytes)})`}`;
  });
  const known = used.reduce((sum, stage) => sum + (stage === 'write' ? 0 : stages[stage].seconds), 0);
  return `${thread}: ${seconds.toFixed(2)} s: ${[...parts, `other ${Math.max(0, seconds - known).toFixed(2)} s`].join(', ')}`;
}
