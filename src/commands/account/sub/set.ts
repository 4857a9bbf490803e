import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { disableFlags, isDisabledBy } from '../../../cli/account-flags.ts';
import { parseEndOrNever } from '../../../cli/expiry.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AccountSubSet extends ServerCommand {
  static override summary = 'Disable a sub-account, enable it, or say when it ends';
  static override description = 'While it is disabled none of its devices and tokens is let in; nothing of it is lost.';
  static override examples = [
    '<%= config.bin %> account sub set laptop --disable',
    '<%= config.bin %> account sub set laptop --enable --expires never',
  ];
  static override args = { name: Args.string({ required: true, description: 'See: neo account sub list.' }) };
  static override flags = {
    ...disableFlags,
    expires: Flags.string({ helpValue: 'DATE', summary: 'When it ends; never: not at all.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AccountSubSet);
    const { name } = args;
    const settings = { isDisabled: isDisabledBy(flags), expires: await parseEndOrNever(flags.expires) };
    await this.ask(flags, async (client) => {
      await client.call('sub-set', { name, ...settings });
      await this.out.record('summary', { name }, `changed ${name}`);
    });
  }
}
