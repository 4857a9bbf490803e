/** What `neo repair config` says. */
import { formatCounted, formatTime } from '../core/format.ts';
import type { Output } from './output.ts';
import { SHORT_ID } from './snapshot-lines.ts';

/** The part of tasks/repair-config.ts that is shown. */
export interface ShownConfigRepair {
  readonly epoch: number;
  readonly claimants: readonly {
    readonly name: string;
    readonly stored: number;
    readonly followed: boolean;
    readonly opens: boolean;
    readonly snapshots: number;
    readonly others: number;
  }[];
  readonly kept: string | undefined;
  readonly removed: readonly string[];
}

const COLUMNS = ['ID', 'STORED', { numbers: 'SNAPSHOTS' }, { numbers: 'OTHERS' }, ''];

export async function reportConfigRepair(
  out: Output,
  summary: ShownConfigRepair | undefined,
  dryRun: boolean,
): Promise<void> {
  if (summary === undefined) {
    await out.record('summary', { claimants: 0, removed: 0, dryRun }, 'nothing to decide: there is one configuration');
    return;
  }
  const { epoch, claimants, kept, removed } = summary;
  for (const { name, stored, followed, opens, snapshots, others } of claimants) {
    const time = new Date(stored).toISOString();
    await out.object('claimant', { config: name, stored: time, followed, opens, snapshots, others });
  }
  const rows = claimants.map(({ name, stored, opens, snapshots, others }) => [
    name.slice(0, SHORT_ID),
    formatTime(new Date(stored)),
    String(snapshots),
    String(others),
    opens ? '' : 'leaves this key out',
  ]);
  await out.table(COLUMNS, rows);
  for (const path of removed) await out.record('removed', { path }, `${path}${dryRun ? ' would go' : ' removed'}`);
  const counts = { epoch, claimants: claimants.length, kept, removed: removed.length, dryRun };
  const text =
    kept === undefined
      ? `${formatCounted(claimants.length, 'configuration claims', 'configurations claim')} epoch ${epoch}`
      : `${kept.slice(0, SHORT_ID)} ${dryRun ? 'would count' : 'counts'} for epoch ${epoch}`;
  await out.record('summary', counts, text);
  if (kept === undefined) out.note('say which one counts: neo repair config --keep ID');
}
