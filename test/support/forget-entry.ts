/** A server that has forgotten the last entry of its ledger, as one that was brought back from an older backup. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export function forgetLastEntry(dataRoot: string): void {
  const file = new DatabaseSync(join(dataRoot, 'server.db'));
  file.exec('pragma foreign_keys = off');
  const { last } = file.prepare('select max(seq) as last from ledger').get() as { last: number };
  file.exec(`delete from ledger where seq = ${last}; delete from ledger_readers where seq = ${last}`);
  for (let level = 1; level < 20; level++) {
    file.exec(`delete from ledger_nodes where level = ${level} and (place + 1) * ${2 ** level} >= ${last}`);
  }
  file.close();
}
