import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { newPasswordFlags, readNewPassword } from '../../cli/key-flags.ts';
import { paperPage } from '../../cli/key-report.ts';
import { type Opened, openFromFlags } from '../../cli/open.ts';
import { createFile, withSecretFile } from '../../cli/secret-file.ts';
import { NeoError } from '../../core/errors.ts';
import { exportKeyFile, prepareKey, publishKey, recoveryLines } from '../../tasks/keys.ts';
import { watchRollback } from '../../tasks/rollback.ts';

export default class KeyExport extends NeoCommand {
  static override summary = 'Print a recovery key, or copy the key in use into a key file';
  static override description =
    'With --paper: a new recovery key of role full, as text to be printed and typed in again (`neo key import ' +
    '--paper`). Without: a copy of the key in use as a key file, which then opens the repository without the password.';
  static override examples = [
    '<%= config.bin %> key export --paper',
    '<%= config.bin %> key export --paper --out /media/stick/recovery.txt',
    '<%= config.bin %> key export --out copy.key --protect',
  ];
  static override flags = {
    paper: Flags.boolean({ summary: 'Make a recovery key to print.' }),
    label: Flags.string({ helpValue: 'TEXT', summary: 'What to call the recovery key.', dependsOn: ['paper'] }),
    out: Flags.string({ helpValue: 'FILE', summary: 'Where to write it; never overwrites.' }),
    protect: Flags.boolean({ summary: 'The key file asks for a password.', exclusive: ['paper'] }),
    ...newPasswordFlags,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(KeyExport);
    const { paper, out, protect } = flags;
    if (!paper && out === undefined) throw new NeoError('usage', 'say --paper, or --out FILE for a key file');
    const opened = await openFromFlags(flags, this.out);
    await watchRollback(opened.repository, opened.state, this.events);
    if (paper) return this.#paper(opened, flags.label, out);
    if (out === undefined) return;
    const password = protect ? await readNewPassword(flags, this.out, 'Password for the key file') : undefined;
    const { repository, carriedSlot } = opened;
    const credential = { type: 'secret', secret: repository.kek } as const;
    await createFile(out, await exportKeyFile(repository, credential, carriedSlot, password));
    await this.out.record('summary', { id: repository.client, file: out }, `wrote the key in use to ${out}`);
    if (!protect) this.out.note('it opens the repository without a password: keep it safe');
  }

  async #paper({ repository }: Opened, label: string | undefined, out: string | undefined): Promise<void> {
    const now = repository.clock.now();
    const name = label ?? `recovery key, ${new Date(now).toISOString().slice(0, 10)}`;
    const prepared = await prepareKey(repository, { label: name, role: 'full', expires: 0 }, { method: 'recovery' });
    const lines = recoveryLines(repository, prepared);
    const page = paperPage(repository.id, prepared.id, now, lines);
    const publish = (): Promise<void> => publishKey(repository, prepared);
    if (out === undefined) await publish();
    else await withSecretFile(out, Buffer.from(page), publish);
    const body = { id: prepared.id, label: name, file: out, ...(out === undefined ? { lines } : {}) };
    await this.out.record('summary', body, out === undefined ? page : `wrote the recovery key to ${out}: print it`);
  }
}
