import { NeoCommand } from '../../cli/base-command.ts';
import { openFromFlags } from '../../cli/open.ts';
import { shareColumns, shareJson, shareRow } from '../../cli/share-lines.ts';
import { listShares, shareMadeAt } from '../../tasks/shares.ts';
import { lookAtSnapshots } from '../../tasks/snapshots.ts';

export default class ShareList extends NeoCommand {
  static override summary = 'List what is shared, the newest first';
  static override description = 'Shares that have ended stand here until the next neo prune.';
  static override examples = ['<%= config.bin %> share list', '<%= config.bin %> share list --json'];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(ShareList);
    const { repository, state } = await openFromFlags(flags, this.out);
    const shares = listShares(await lookAtSnapshots(repository, state, this.events));
    const rows: string[][] = [];
    for (const shared of shares) {
      const { share, snapshot } = shared;
      const made = shareMadeAt(shared);
      const { description } = snapshot.body;
      await this.out.object('share', shareJson(share, made, description));
      rows.push(shareRow(share, made, description));
    }
    await this.out.object('summary', { shares: shares.length });
    if (rows.length > 0) await this.out.table(shareColumns, rows);
    else this.out.note('nothing is shared');
  }
}
