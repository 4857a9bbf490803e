import * as Flags from '@oclif/core/flags';
import type { CheckedEntry } from '../../backends/neo-ledger.ts';
import { LedgerCommand } from '../../cli/ledger-command.ts';
import { entryJson, entryLineOf, ledgerJson } from '../../cli/ledger-lines.ts';
import { ENTRY_KINDS } from '../../protocol/ledger.ts';

export default class LedgerShow extends LedgerCommand {
  static override summary = 'Show what a server has written down, the oldest first';
  static override description =
    'An administrator sees all entries, everybody else those that concern the own account: snapshots published and objects removed ' +
    'in the own targets, or by oneself, grants, and what was changed of the account. All of it is verified first, as `neo ledger verify` does.';
  static override examples = [
    '<%= config.bin %> ledger show',
    '<%= config.bin %> ledger show --after 1200',
    '<%= config.bin %> ledger show --kind removal',
    '<%= config.bin %> ledger show --json',
  ];
  static override flags = {
    kind: Flags.option({ options: ENTRY_KINDS, summary: 'Only entries of this kind.' })(),
    after: Flags.integer({ helpValue: 'N', min: 0, summary: 'Only entries after this one.', default: 0 }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(LedgerShow);
    const { kind } = flags;
    const show = async (checked: CheckedEntry): Promise<void> => {
      if (checked.header.seq > flags.after) await this.out.record('entry', entryJson(checked), entryLineOf(checked));
    };
    const { view, entries } = await this.eachEntry(flags, show, kind === undefined ? {} : { kind });
    await this.out.object('summary', ledgerJson(view, entries));
  }
}
