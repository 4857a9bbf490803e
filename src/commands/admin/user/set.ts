import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { disableFlags, isDisabledBy, limitFlags, limitsBy } from '../../../cli/account-flags.ts';
import { parseEndOrNever } from '../../../cli/expiry.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AdminUserSet extends ServerCommand {
  static override summary = 'Change what an account may';
  static override description =
    'What is not named stays as it is. A quota below what is used removes nothing, but no more is taken. While an account ' +
    'is disabled nobody of it is let in, nor of its sub-accounts, and others are not let into its targets; nothing is lost.';
  static override examples = [
    '<%= config.bin %> admin user set ann --quota 200GiB',
    '<%= config.bin %> admin user set ann --disable',
    '<%= config.bin %> admin user set bob --no-administrator --expires 2027-01-01',
  ];
  static override args = { name: Args.string({ required: true, description: 'See: neo admin user list.' }) };
  static override flags = {
    ...limitFlags,
    ...disableFlags,
    administrator: Flags.boolean({ allowNo: true, summary: 'It administers the server, or does not.' }),
    expires: Flags.string({ helpValue: 'DATE', summary: 'When it ends; never: not at all.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminUserSet);
    const { name } = args;
    const isAdministrator: boolean | undefined = flags.administrator;
    const expires = await parseEndOrNever(flags.expires);
    const settings = { ...limitsBy(flags), isDisabled: isDisabledBy(flags), isAdministrator, expires };
    await this.ask(flags, async (client) => {
      await client.call('user-set', { name, ...settings });
      await this.out.record('summary', { name }, `changed ${name}`);
    });
  }
}
