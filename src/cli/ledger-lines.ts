/** Entries of a ledger for people and for programs. */

import type { CheckedEntry, LedgerView } from '../backends/neo-ledger.ts';
import { NeoError } from '../core/errors.ts';
import { formatBytes, formatCounted, formatTime } from '../core/format.ts';
import { z } from '../core/schema.ts';
import { auditLine } from './account-lines.ts';
import type { JsonBody } from './output.ts';
import { safeText } from './table.ts';

const contentSchema = z.record(z.string(), z.unknown());
const changeSchema = z.object({
  account: z.nullable(z.string()),
  device: z.nullable(z.string()),
  action: z.string(),
  detail: contentSchema,
});
const snapshotSchema = z.object({ owner: z.string(), target: z.string(), by: z.string(), path: z.string() });
const removalSchema = z.object({
  owner: z.string(),
  target: z.string(),
  by: z.string(),
  objects: z.array(z.tuple([z.string(), z.number()])),
});

/** What was signed; it is shown as it is. */
function contentOf({ header, entry }: CheckedEntry): Record<string, unknown> {
  try {
    return contentSchema.parse(JSON.parse(entry.content));
  } catch {
    throw new NeoError('integrity', `the content of entry ${header.seq} of the ledger is none`);
  }
}

export function entryJson(checked: CheckedEntry): JsonBody {
  const { seq, time, kind } = checked.header;
  return { seq, time: new Date(time).toISOString(), kind, content: contentOf(checked) };
}

/** `17  2026-11-01 12:00:05  ann@laptop  snapshot  ann/documents 0123abcd` */
export function entryLineOf(checked: CheckedEntry): string {
  const { seq, time, kind } = checked.header;
  return `${seq}  ${formatTime(new Date(time))}  ${said(kind, time, contentOf(checked))}`;
}

function said(kind: string, time: number, content: Record<string, unknown>): string {
  const change = changeSchema.safeParse(content);
  if (kind === 'change' && change.success) {
    // Without its time, which stands there already.
    return auditLine({ seq: 1, time, ...change.data })
      .split('  ')
      .slice(1)
      .join('  ');
  }
  const snapshot = snapshotSchema.safeParse(content);
  if (kind === 'snapshot' && snapshot.success) {
    const { owner, target, by, path } = snapshot.data;
    return safeText(`${by}  snapshot  ${owner}/${target} ${path.replace(/^snapshots\//, '').slice(0, 8)}`);
  }
  const removal = removalSchema.safeParse(content);
  if (kind === 'removal' && removal.success) {
    const { owner, target, by, objects } = removal.data;
    const bytes = objects.reduce((sum, [, size]) => sum + size, 0);
    return safeText(
      `${by}  removal  ${owner}/${target} ${formatCounted(objects.length, 'object')}, ${formatBytes(bytes)}`,
    );
  }
  return safeText(`-  ${kind}  ${JSON.stringify(content)}`);
}

/** What was verified, in one sentence. */
export function verdict({ now, before, isWhole }: LedgerView, entries: number): string {
  const size = formatCounted(now.size, 'entry', 'entries');
  const all = isWhole
    ? `${size}, all as they were written`
    : `${size}; ${entries} concern you, and are as they were written`;
  if (before === undefined) return `${all}; from now on it is known`;
  return `${all}; it continues the ${formatCounted(before.size, 'entry', 'entries')} that were known`;
}

export function ledgerJson({ now, before, isWhole }: LedgerView, entries: number): JsonBody {
  const { site, key, size, root } = now;
  return { site, key, size, root, entries, isWhole, knownBefore: before?.size ?? null };
}
