import * as Flags from '@oclif/core/flags';
import { LedgerCommand } from '../../cli/ledger-command.ts';
import { entryJson, entryLineOf, ledgerJson } from '../../cli/ledger-lines.ts';

export default class LedgerShow extends LedgerCommand {
  static override summary = 'Show what a server has written down, the oldest first';
  static override description =
    'An administrator sees all entries, everybody else those that concern the own account: snapshots published and objects removed ' +
    'in the own targets, or by oneself, grants, and what was changed of the account. All of it is verified first, as `neo ledger verify` does.';
  static override examples = [
    '<%= config.bin %> ledger show',
    '<%= config.bin %> ledger show --after 1200',
    '<%= config.bin %> ledger show --json',
  ];
  static override flags = {
    after: Flags.integer({ helpValue: 'N', min: 0, summary: 'Only entries after this one.', default: 0 }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(LedgerShow);
    const { view, entries } = await this.eachEntry(flags, async (checked) => {
      if (checked.header.seq > flags.after) await this.out.record('entry', entryJson(checked), entryLineOf(checked));
    });
    await this.out.object('summary', ledgerJson(view, entries));
  }
}
