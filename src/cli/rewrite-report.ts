/** What `neo tag` and `neo rewrite` say. */
import { formatCounted } from '../core/format.ts';
import type { JsonBody } from './output.ts';
import { SHORT_ID } from './snapshot-lines.ts';

/** The part of tasks/rewrite.ts that is shown. */
export interface ShownRewrite {
  readonly rewritten: readonly { readonly original: { readonly name: string }; readonly name?: string }[];
  readonly unchanged: readonly unknown[];
  readonly removal?: string;
}

export function rewriteLine({ original, name }: ShownRewrite['rewritten'][number]): string {
  const short = original.name.slice(0, SHORT_ID);
  return name === undefined ? `${short} would be made anew` : `${short} is now ${name.slice(0, SHORT_ID)}`;
}

export function rewriteJson({ original, name }: ShownRewrite['rewritten'][number]): JsonBody {
  return { original: original.name, snapshot: name };
}

export function rewriteSummaryJson({ rewritten, unchanged, removal }: ShownRewrite, dryRun: boolean): JsonBody {
  return { rewritten: rewritten.length, unchanged: unchanged.length, removal, ...(dryRun ? { dryRun } : {}) };
}

export function rewriteSummaryText({ rewritten, unchanged, removal }: ShownRewrite, dryRun: boolean): string {
  const made = `${formatCounted(rewritten.length, 'snapshot')} ${dryRun ? 'would be made' : 'made'} anew`;
  const same = unchanged.length === 0 ? '' : `, ${unchanged.length} as they were`;
  const trash = removal === undefined ? '' : '; the originals are in the trash: neo undo';
  return `${made}${same}${trash}`;
}
