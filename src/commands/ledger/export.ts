import { existsSync } from 'node:fs';
import { link, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { storageError } from '../../backends/local-errors.ts';
import { syncFolder } from '../../backends/local-files.ts';
import type { LedgerView } from '../../backends/neo-ledger.ts';
import { LedgerCommand, type LedgerFlags } from '../../cli/ledger-command.ts';
import { entryLine, firstLine } from '../../cli/ledger-file.ts';
import { ledgerJson } from '../../cli/ledger-lines.ts';
import { isNeoError, NeoError, systemCode } from '../../core/errors.ts';
import { formatCounted } from '../../core/format.ts';

export default class LedgerExport extends LedgerCommand {
  static override summary = 'Write the ledger of a server to a file that can be verified without it';
  static override description =
    'Lines of JSON: the signed head, then each entry. Of an administrator it is the whole ledger, of anybody else the own entries with ' +
    'proofs that they are in it. `neo ledger verify --file` verifies it, on any machine.';
  static override examples = [
    '<%= config.bin %> ledger export --out ledger.jsonl',
    '<%= config.bin %> ledger verify --file ledger.jsonl',
  ];
  static override flags = {
    out: Flags.string({ helpValue: 'FILE', required: true, summary: 'Where to; it must not be there yet.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(LedgerExport);
    const path = flags.out;
    if (existsSync(path)) throw isThere(path);
    const temporary = `${path}.${crypto.randomUUID()}.tmp`;
    try {
      const done = await this.#write(temporary, flags);
      await link(temporary, path);
      await syncFolder(dirname(path));
      const text = `${path}: ${formatCounted(done.entries, 'entry', 'entries')}`;
      await this.out.record('summary', { ...ledgerJson(done.view, done.entries), file: path }, text);
    } catch (error) {
      if (isNeoError(error)) throw error;
      throw systemCode(error) === 'EEXIST' ? isThere(path) : storageError(error, `write ${path}`);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async #write(path: string, flags: LedgerFlags) {
    const out = await open(path, 'wx', 0o600);
    try {
      let isBegun = false;
      const begin = async (view: LedgerView): Promise<void> => {
        if (!isBegun) await out.write(firstLine(view));
        isBegun = true;
      };
      const done = await this.eachEntry(flags, async (entry, view) => {
        await begin(view);
        await out.write(entryLine(entry));
      });
      await begin(done.view);
      await out.sync();
      return done;
    } finally {
      await out.close();
    }
  }
}

function isThere(path: string): NeoError {
  return new NeoError('already-exists', `${path} is there already`, { hint: 'choose another name' });
}
