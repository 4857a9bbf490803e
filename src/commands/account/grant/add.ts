import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { parseEnd } from '../../../cli/expiry.ts';
import { roleFlag } from '../../../cli/role-flag.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AccountGrantAdd extends ServerCommand {
  static override summary = 'Let another account do something in a target';
  static override description =
    'A sub-account, or another account of the server, for which the target is neo://HOST/OWNER/TARGET. It takes the place ' +
    'of what that one was granted there before. To read what is stored it needs a key of the repository as well.';
  static override examples = [
    '<%= config.bin %> account grant add documents --to laptop --role append',
    '<%= config.bin %> account grant add documents --to bob --role read --expires 2027-01-01',
  ];
  static override args = { target: Args.string({ required: true, description: 'One of your own.' }) };
  static override flags = {
    to: Flags.string({ required: true, helpValue: 'NAME', summary: 'The other account.' }),
    role: roleFlag({ summary: 'What it may do there.', required: true }),
    expires: Flags.string({ helpValue: 'DATE', summary: 'When that ends. Default: never.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AccountGrantAdd);
    const { target } = args;
    const { to, role } = flags;
    const expires = await parseEnd(flags.expires);
    await this.ask(flags, async (client) => {
      await client.call('grant', { target, to, role, expires });
      const ends = expires === undefined ? null : new Date(expires).toISOString();
      await this.out.record('summary', { target, to, role, expires: ends }, `${to} may ${role} in ${target}`);
    });
  }
}
