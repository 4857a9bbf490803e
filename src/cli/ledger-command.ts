/** A command that reads the ledger of a server, and remembers how far it went. */

import { type CheckedEntry, type LedgerView, ledgerEntries, viewLedger } from '../backends/neo-ledger.ts';
import type { Engine } from '../engine/engine.ts';
import type { EntryKind } from '../protocol/ledger.ts';
import { knownLedger, rememberLedger } from './ledgers.ts';
import { ServerCommand } from './server-command.ts';
import { systemFolders, systemSurroundings } from './surroundings.ts';

export interface LedgerFlags {
  readonly server?: string | undefined;
  readonly 'debug-protocol'?: boolean | undefined;
}

export abstract class LedgerCommand extends ServerCommand {
  /**
   * Every entry that one may read, verified. What was seen is remembered when all is well, and only then.
   * @param kind only of this kind: whether the others are as they were is not looked at
   * @param anew what was known of it counts no longer
   */
  protected async eachEntry(
    flags: LedgerFlags,
    take: (entry: CheckedEntry, view: LedgerView) => Promise<void>,
    { kind, anew = false }: { readonly kind?: EntryKind; readonly anew?: boolean } = {},
  ): Promise<{ readonly view: LedgerView; readonly entries: number }> {
    const engine = await this.engine();
    const folders = systemFolders();
    return this.ask(flags, async (client, host) => {
      const view = await viewLedger(client, engine, anew ? undefined : await knownLedger(folders, host));
      let entries = 0;
      for await (const entry of ledgerEntries(client, engine, view, kind)) {
        await take(entry, view);
        entries += 1;
      }
      await rememberLedger(folders, host, view.now);
      return { view, entries };
    });
  }

  protected async engine(): Promise<Engine> {
    return (await systemSurroundings()).engine;
  }
}
