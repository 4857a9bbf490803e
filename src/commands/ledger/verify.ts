import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import * as Flags from '@oclif/core/flags';
import { LedgerCommand } from '../../cli/ledger-command.ts';
import { readLedgerFile } from '../../cli/ledger-file.ts';
import { ledgerJson, verdict } from '../../cli/ledger-lines.ts';
import { knownLedgerOf } from '../../cli/ledgers.ts';
import { systemFolders } from '../../cli/surroundings.ts';
import { NeoError } from '../../core/errors.ts';

export default class LedgerVerify extends LedgerCommand {
  static override summary = 'Verify that nothing in the ledger of a server was changed, removed or exchanged';
  static override description =
    'The server writes down what is published and removed, granted and administered, in entries that are signed and linked. ' +
    'An administrator verifies all of them, everybody else those that concern the own account; and both that the ledger continues ' +
    'what it was when it was last looked at from here. Exit code 15, and the number of the entry, when it does not.';
  static override examples = [
    '<%= config.bin %> ledger verify',
    '<%= config.bin %> ledger verify --server neo://backup.example',
    '<%= config.bin %> ledger verify --file ledger.jsonl',
    '<%= config.bin %> ledger verify --accept   # after the server was brought back from a backup',
  ];
  static override flags = {
    file: Flags.string({ helpValue: 'FILE', summary: 'One that `neo ledger export` has written; no server is asked.' }),
    accept: Flags.boolean({ summary: 'Take the ledger as it is now, whatever was known of it.', exclusive: ['file'] }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(LedgerVerify);
    const { view, entries } =
      flags.file === undefined
        ? await this.eachEntry(flags, async () => undefined, { anew: flags.accept })
        : await this.#ofFile(flags.file);
    await this.out.record('summary', ledgerJson(view, entries), verdict(view, entries));
  }

  async #ofFile(path: string) {
    const input = createReadStream(path, 'utf8');
    const failed = new Promise<never>((_, reject) => {
      input.on('error', (cause) =>
        reject(new NeoError('failed', `cannot read ${path}`, { hint: 'name a file of `neo ledger export`', cause })),
      );
    });
    const folders = systemFolders();
    const read = async () => {
      const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
      const known = (site: string) => knownLedgerOf(folders, site);
      const file = await readLedgerFile(await this.engine(), lines, known);
      let entries = 0;
      for await (const _ of file.entries) entries += 1;
      return { view: file.view, entries };
    };
    return Promise.race([failed, read()]);
  }
}
