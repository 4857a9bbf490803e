import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { openFromFlags } from '../../cli/open.ts';
import { formatCounted } from '../../core/format.ts';
import { dropSnapshots } from '../../tasks/forget.ts';
import { lookAtSnapshots } from '../../tasks/snapshots.ts';
import { selectStash } from '../../tasks/stash.ts';

export default class StashDrop extends NeoCommand {
  static override summary = 'Put stashes in the trash';
  static override description = 'For 7 days neo undo brings them back; then neo prune frees what only they held.';
  static override examples = ['<%= config.bin %> stash drop 2', '<%= config.bin %> stash drop 0 1 2829f3c9'];
  static override strict = false;
  static override args = {
    stash: Args.string({ required: true, description: 'Number in the list, or start of an id.' }),
  };
  static override flags = { 'dry-run': Flags.boolean({ char: 'n', summary: 'Only say which would go.' }) };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(StashDrop);
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const names = [...new Set(argv.map((reference) => selectStash(look, String(reference)).name))];
    const dryRun = flags['dry-run'];
    if (!dryRun) await dropSnapshots(repository, look, names);
    const verb = dryRun ? 'would drop' : 'dropped';
    const body = { dropped: names, ...(dryRun ? { dryRun } : {}) };
    await this.out.record(
      'summary',
      body,
      `${verb} ${formatCounted(names.length, 'stash', 'stashes')}; to bring back: neo undo`,
    );
  }
}
