import { NeoCommand } from '../cli/base-command.ts';
import { removalColumns, removalJson, removalRow } from '../cli/forget-report.ts';
import { openFromFlags } from '../cli/open.ts';
import { listRemovals } from '../snapshot/removal.ts';
import { watchRollback } from '../tasks/rollback.ts';

export default class Trash extends NeoCommand {
  static override summary = 'List what `neo forget` removed, and until when it can be brought back for sure';
  static override description =
    'The snapshots of one line come back together: neo undo ID. To see them: neo snapshots --trash.';
  static override examples = ['<%= config.bin %> trash', '<%= config.bin %> trash --json'];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(Trash);
    const { repository, state } = await openFromFlags(flags, this.out);
    await watchRollback(repository, state, this.events);
    const { removals, faults } = await listRemovals(repository);
    for (const { name, reason } of faults) this.out.warn(`removal ${name.slice(0, 8)} does not count: ${reason}`);
    const now = await repository.backend.now();
    for (const removal of removals) await this.out.object('removal', removalJson(removal));
    await this.out.object('summary', { removals: removals.length, faults: faults.length });
    if (removals.length > 0)
      await this.out.table(
        removalColumns,
        removals.map((removal) => removalRow(removal, now)),
      );
    else this.out.note('nothing was removed');
  }
}
