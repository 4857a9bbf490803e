import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { openFromFlags } from '../../cli/open.ts';
import { letNobodyInto } from '../../cli/server-share.ts';
import { formatCounted } from '../../core/format.ts';
import { findShare, removeShares } from '../../tasks/shares.ts';
import { lookAtSnapshots } from '../../tasks/snapshots.ts';

export default class ShareRemove extends NeoCommand {
  static override summary = 'Take shares back';
  static override description =
    'Their readers find nothing any more. What somebody has read, or a copy that they made of the storage, stays with ' +
    'them. Space that only the shares held is freed by the next neo prune.';
  static override examples = ['<%= config.bin %> share remove 3f9a11c0', '<%= config.bin %> share remove 3f9a 77b2 -n'];
  static override strict = false;
  static override args = {
    share: Args.string({ required: true, description: 'Start of an id; see: neo share list.' }),
  };
  static override flags = { 'dry-run': Flags.boolean({ char: 'n', summary: 'Only say which would go.' }) };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(ShareRemove);
    const { repository, state, location } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const shares = [
      ...new Map(argv.map((each) => findShare(look, String(each))).map((each) => [each.share.id, each])).values(),
    ];
    const dryRun = flags['dry-run'];
    if (!dryRun) await removeShares(repository, look, shares);
    const removed = shares.map(({ share }) => share.id);
    if (!dryRun) await letNobodyInto(location.location, removed);
    const text = `${dryRun ? 'would take back' : 'took back'} ${formatCounted(shares.length, 'share')}`;
    await this.out.record('summary', { removed, ...(dryRun ? { dryRun } : {}) }, text);
  }
}
