import { userInfo } from 'node:os';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { PlainCommand } from '../../cli/base-command.ts';
import { newPasswordFlags, readNewPassword } from '../../cli/key-flags.ts';
import { createFile, withSecretFile } from '../../cli/secret-file.ts';
import { systemSurroundings } from '../../cli/surroundings.ts';
import { encodeIdentity, encodeRecipient } from '../../repo/identity-file.ts';
import { newIdentity } from '../../tasks/identity.ts';

export default class KeyIdentity extends PlainCommand {
  static override summary = 'Make a key pair for which others can make shares and key files';
  static override description =
    'FILE is the private half: keep it. FILE.pub is for whoever is to share something with you (neo share create --to), ' +
    'or to give you a key of their repository (neo key add --recipient); it need not be secret, but it must reach them ' +
    'unchanged. The pair is post-quantum (X-Wing). An existing file is never overwritten.';
  static override examples = [
    '<%= config.bin %> key identity bob',
    '<%= config.bin %> key identity ~/.neo-identity --name "Bob, laptop" --protect',
    '<%= config.bin %> restore --share talk.share --identity bob --to talk',
  ];
  static override args = { file: Args.string({ required: true, description: 'Where to write it.' }) };
  static override flags = {
    name: Flags.string({ helpValue: 'TEXT', summary: 'What to call yourself. Default: your account.' }),
    protect: Flags.boolean({ summary: 'Using it asks for a password.' }),
    ...newPasswordFlags,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(KeyIdentity);
    const surroundings = await systemSurroundings();
    const protect = flags.protect ? await readNewPassword(flags, this.out, 'Password for the identity') : undefined;
    const identity = await newIdentity(surroundings, flags.name ?? userInfo().username, protect);
    const open = `${args.file}.pub`;
    await withSecretFile(args.file, encodeIdentity(identity), () => createFile(open, encodeRecipient(identity)));
    const body = { file: args.file, recipient: open, name: identity.name };
    await this.out.record('summary', body, `wrote ${args.file} (keep it) and ${open} (give it away)`);
  }
}
