import { NeoCommand } from '../../cli/base-command.ts';
import { keyBody, keyRow } from '../../cli/key-report.ts';
import { openFromFlags } from '../../cli/open.ts';
import { listKeys } from '../../tasks/keys.ts';
import { watchRollback } from '../../tasks/rollback.ts';

export default class KeyList extends NeoCommand {
  static override summary = 'List what opens the repository';
  static override description =
    'Passwords, key files and recovery keys, each with its role: full keys read and write, write keys only add ' +
    'snapshots. The one in use is marked with *, a damaged one with !: it may ' +
    'open nothing.';
  static override examples = ['<%= config.bin %> key list', '<%= config.bin %> key list --json'];

  async run(): Promise<void> {
    const { flags } = await this.parse(KeyList);
    const { repository, state } = await openFromFlags(flags, this.out);
    await watchRollback(repository, state, this.events);
    const { keys, faults } = await listKeys(repository);
    const rows = keys.map((key) => keyRow(key));
    await this.out.table(['', 'ID', 'LABEL', 'ROLE', 'METHOD', 'CREATED', 'EXPIRES'], rows);
    for (const key of keys) await this.out.object('key', keyBody(key));
    for (const { id, whole } of keys) {
      if (!whole) this.events({ type: 'warning', message: `key ${id.slice(0, 8)} is damaged: it may open nothing` });
    }
    for (const { path, reason } of faults) this.events({ type: 'warning', message: `${path} is no key: ${reason}` });
    await this.out.object('summary', { keys: keys.length, faults: faults.length });
  }
}
