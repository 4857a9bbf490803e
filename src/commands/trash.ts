import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { confirmed } from '../cli/confirm.ts';
import { removalColumns, removalJson, removalRow } from '../cli/forget-report.ts';
import { openFromFlags } from '../cli/open.ts';
import { NeoError } from '../core/errors.ts';
import { formatCounted } from '../core/format.ts';
import type { ClientState } from '../repo/client-state.ts';
import type { Repository } from '../repo/repository.ts';
import { listRemovals } from '../snapshot/removal.ts';
import { emptyTrash } from '../tasks/empty-trash.ts';
import { watchRollback } from '../tasks/rollback.ts';

export default class Trash extends NeoCommand {
  static override summary = 'List what `neo forget` removed, and until when it can be brought back for sure';
  static override description =
    'The snapshots of one line come back together: neo undo ID. To see them: neo snapshots --trash. With --empty their ' +
    'time is over at once, and the next prune may free what only they need.';
  static override examples = [
    '<%= config.bin %> trash',
    '<%= config.bin %> trash --json',
    '<%= config.bin %> trash --empty --dry-run',
  ];
  static override flags = {
    empty: Flags.boolean({ summary: 'End the trash of all that is in it now: undo cannot bring it back for sure.' }),
    'dry-run': Flags.boolean({ char: 'n', summary: 'With --empty: only say how many would go.', dependsOn: ['empty'] }),
    yes: Flags.boolean({ char: 'y', summary: 'With --empty: without asking at a terminal.', dependsOn: ['empty'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Trash);
    const { repository, state } = await openFromFlags(flags, this.out);
    await watchRollback(repository, state, this.events);
    if (flags.empty) {
      await this.#empty(repository, state, { dryRun: flags['dry-run'], yes: flags.yes });
      return;
    }
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

  async #empty(
    repository: Repository,
    state: ClientState,
    { dryRun, yes }: { readonly dryRun: boolean; readonly yes: boolean },
  ): Promise<void> {
    const { count } = await emptyTrash(repository, state, { dryRun: true }, this.events);
    const what = formatCounted(count, 'snapshot');
    const isMeant = dryRun || yes || count === 0 || (await confirmed(`end the trash of ${what}?`, this.signal));
    if (!isMeant) throw new NeoError('failed', 'nothing was done');
    const { removal } = await emptyTrash(repository, state, { dryRun }, this.events);
    const text = dryRun
      ? `the trash of ${what} would end`
      : `the trash of ${what} has ended; what only they need goes with neo prune`;
    await this.out.record('summary', { ended: count, removal, ...(dryRun ? { dryRun } : {}) }, text);
  }
}
