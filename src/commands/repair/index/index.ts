import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../../cli/base-command.ts';
import { openFromFlags } from '../../../cli/open.ts';
import { NeoError } from '../../../core/errors.ts';
import { formatCount, formatCounted, formatDuration } from '../../../core/format.ts';
import { repairIndex } from '../../../tasks/repair-index.ts';

/** `neo repair index`: oclif takes a file `index` for its folder's name, hence the folder. */
import { watchRollback } from '../../../tasks/rollback.ts';

export default class RepairIndex extends NeoCommand {
  static override summary = 'Rebuild the index from the packs';
  static override description =
    'Every pack says in its own directory what it holds, and who wrote it. Index segments that are damaged, missing or ' +
    'wrong are replaced by what the packs say; nothing else is changed. Blobs of packs that are gone leave the index, ' +
    'so that the next snapshot stores them again where the files still exist.';
  static override examples = ['<%= config.bin %> repair index --dry-run', '<%= config.bin %> repair index'];
  static override flags = {
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say what would be done.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(RepairIndex);
    const dryRun = flags['dry-run'];
    const { repository, state } = await openFromFlags(flags, this.out);
    await watchRollback(repository, state, this.events);
    const { removed, unreadable, ...summary } = await repairIndex(repository, { dryRun }, this.events);
    this.endProgress();
    for (const { path, reason } of removed) {
      await this.out.record('segment', { path, reason }, `${path}: ${reason}${dryRun ? '' : ': removed'}`);
    }
    for (const { path, reason } of unreadable)
      await this.out.record('damage', { object: path, reason }, `${path}: ${reason}`);
    await this.out.line(
      `${formatCounted(summary.packs, 'pack')} with ${formatCounted(summary.blobs, 'blob')} read in ` +
        `${formatDuration(summary.durationMs)}; ${formatCount(summary.packsRewritten)} ` +
        `${were(summary.packsRewritten, dryRun)} described anew, ${formatCounted(removed.length, 'index segment')} ` +
        `${were(removed.length, dryRun)} removed`,
    );
    await this.out.object('summary', { ...summary, dryRun });
    if (unreadable.length > 0) {
      throw new NeoError(
        'integrity',
        `${formatCounted(unreadable.length, 'pack has', 'packs have')} no readable directory`,
        {
          hint: 'see: neo check --read-data',
        },
      );
    }
  }
}

function were(count: number, dryRun: boolean): string {
  if (dryRun) return 'would be';
  return count === 1 ? 'was' : 'were';
}
