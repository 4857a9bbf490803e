import { hostname } from 'node:os';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { PlainCommand } from '../cli/base-command.ts';
import { logIn } from '../cli/login.ts';
import { systemFolders } from '../cli/surroundings.ts';

export default class Login extends PlainCommand {
  static override summary = 'Let this device in at a server';
  static override description =
    'The device makes a key of its own, and the server lets it in by that key from then on: no secret goes over the line ' +
    'again. Who may let it in proves it by a code that works once (--code, from neo serve or an administrator), or by the ' +
    "account's secret, asked for or in NEO_ACCOUNT_SECRET; the server never sees that secret. The server is known by the " +
    'fingerprint of its key, which is asked about once at a terminal and has to be given elsewhere.';
  static override examples = [
    '<%= config.bin %> login neo://backup.example.org',
    '<%= config.bin %> login neo://backup.example.org --code k2f7q-9xw3m-0r5ta-b8n6e --fingerprint SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU',
    'NEO_ACCOUNT_SECRET=… <%= config.bin %> login neo://ann@backup.example.org:4322',
  ];
  static override args = {
    server: Args.string({ required: true, description: 'neo://[ACCOUNT@]HOST[:PORT]' }),
  };
  static override flags = {
    code: Flags.string({ helpValue: 'CODE', summary: 'A code that works once.' }),
    account: Flags.string({
      helpValue: 'NAME',
      summary: 'The account; with the first code of a server, how it is called.',
    }),
    fingerprint: Flags.string({ helpValue: 'SHA256:…', summary: "Of the server's key. Also NEO_FINGERPRINT." }),
    second: Flags.string({ helpValue: 'CODE', summary: 'Of the second factor, where the account has one.' }),
    device: Flags.string({
      helpValue: 'NAME',
      summary: 'How the device is listed. Default: the name of this machine.',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Login);
    const done = await logIn(
      { ...flags, server: args.server, device: flags.device ?? hostname() },
      { folders: systemFolders(), env: process.env, out: this.out, signal: this.signal },
    );
    const { server, account, role, isAdministrator } = done;
    const rights = isAdministrator ? ', an administrator of the server' : role === 'admin' ? '' : `, which may ${role}`;
    await this.out.record('login', { ...done }, `logged in at ${server} as ${account}${rights}`);
  }
}
