import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { showFingerprint } from '../../../backends/neo-control.ts';
import { showNeoHost } from '../../../backends/neo-location.ts';
import { parseEnd } from '../../../cli/expiry.ts';
import { roleFlag } from '../../../cli/role-flag.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AccountTokenCreate extends ServerCommand {
  static override summary = 'Make a token, by which a script is let in';
  static override description =
    'It is printed once, and works in NEO_TOKEN, with the fingerprint of the server in NEO_FINGERPRINT: nothing is kept ' +
    'on the machine. A token never manages the account, whatever its role.';
  static override examples = [
    '<%= config.bin %> account token create nightly --target documents',
    '<%= config.bin %> account token create reader --role read --expires 2027-01-01',
  ];
  static override args = { name: Args.string({ required: true, description: 'What it is for.' }) };
  static override flags = {
    target: Flags.string({ helpValue: 'NAME', summary: 'Only in this target. Default: in all of the account.' }),
    role: roleFlag({ summary: 'What it may do. Default: append.' }),
    expires: Flags.string({ helpValue: 'DATE', summary: 'When it ends. Default: never.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AccountTokenCreate);
    const { name } = args;
    const { target, role = 'append' } = flags;
    const expires = await parseEnd(flags.expires);
    await this.ask(flags, async (client, { host, port }, trust) => {
      const { id, token } = await client.call('token-create', { name, target, role, expires });
      const fingerprint = showFingerprint(trust.fingerprint);
      const ends = expires === undefined ? null : new Date(expires).toISOString();
      const server = showNeoHost({ host, port });
      const body = { id, name, token, target: target ?? null, role, expires: ends, server, fingerprint };
      await this.out.record('summary', body, token);
      this.out.note(`it is not shown again: NEO_TOKEN takes it, with NEO_FINGERPRINT=${fingerprint}`);
    });
  }
}
