import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { newPasswordFlags, readNewPassword } from '../../cli/key-flags.ts';
import { keyFileOptions, openFromFlags, openWith } from '../../cli/open.ts';
import { createFile, readPaper } from '../../cli/secret-file.ts';
import { systemSurroundings } from '../../cli/surroundings.ts';
import { NeoError } from '../../core/errors.ts';
import { parsePaperKey } from '../../repo/paper-key.ts';
import { exportKeyFile, importKeyFile, prepareKey, publishKey } from '../../tasks/keys.ts';
import { watchRollback } from '../../tasks/rollback.ts';

export default class KeyImport extends NeoCommand {
  static override summary = 'Use a recovery key, or put a key back';
  static override description =
    'With --paper: reads a recovery key from FILE or standard input and writes a key file (--out), or, without --out, ' +
    'sets a new password. Mistyped lines are named. Without --paper: puts the key that a key file carries back into ' +
    'the repository when it is missing there; a key of role write needs one of role full beside it to open with.';
  static override examples = [
    '<%= config.bin %> key import --paper recovery.txt --out recovery.key',
    '<%= config.bin %> key import --paper',
    '<%= config.bin %> key import laptop.key',
  ];
  static override args = {
    file: Args.string({ description: 'Key file, or text of a recovery key.', required: false }),
  };
  static override flags = {
    paper: Flags.boolean({ summary: 'It is a recovery key as text.' }),
    out: Flags.string({ helpValue: 'FILE', summary: 'Write a key file; never overwrites.', dependsOn: ['paper'] }),
    label: Flags.string({ helpValue: 'TEXT', summary: 'What to call the new password.', dependsOn: ['paper'] }),
    ...newPasswordFlags,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(KeyImport);
    if (flags.paper) return this.#paper(args.file, flags.out, flags.label);
    const { file: path } = args;
    if (path === undefined) throw new NeoError('usage', 'name a key file, or say --paper');
    const { file, secret, options } = await keyFileOptions(await systemSurroundings(), path, flags, this.out);
    const own = file.role === 'full';
    const { repository, state } = own
      ? await openWith(flags, this.out, () => options)
      : await openFromFlags(flags, this.out);
    await watchRollback(repository, state, this.events);
    const isNew = await importKeyFile(repository, file, secret);
    const what = isNew ? 'put back' : 'is there already';
    await this.out.record('summary', { id: file.client, added: isNew }, `key ${file.client.slice(0, 8)}: ${what}`);
  }

  async #paper(path: string | undefined, out: string | undefined, label: string | undefined): Promise<void> {
    const { flags } = await this.parse(KeyImport);
    if (path === undefined) this.out.note('type the eleven lines of the recovery key, then Ctrl-D');
    const { repository } = await openWith(flags, this.out, async ({ engine }) => ({
      credential: { type: 'secret', secret: parsePaperKey(engine, await readPaper(path)) },
    }));
    if (out !== undefined) {
      const credential = { type: 'secret', secret: repository.kek } as const;
      await createFile(out, await exportKeyFile(repository, credential, undefined, undefined));
      return this.out.record('summary', { id: repository.client, file: out }, `wrote a key file: ${out}`);
    }
    const password = await readNewPassword(flags, this.out, 'New password');
    const name = label ?? `password set with a recovery key, ${new Date().toISOString().slice(0, 10)}`;
    const wishes = { label: name, role: 'full' as const, expires: 0 };
    const prepared = await prepareKey(repository, wishes, { method: 'password', password });
    await publishKey(repository, prepared);
    await this.out.record('summary', { id: prepared.id, label: name }, `the new password opens the repository`);
  }
}
