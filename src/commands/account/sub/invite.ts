import * as Args from '@oclif/core/args';
import { tellInvitation } from '../../../cli/invitation.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AccountSubInvite extends ServerCommand {
  static override summary = 'A code for one more device of a sub-account';
  static override examples = ['<%= config.bin %> account sub invite laptop'];
  static override args = { name: Args.string({ required: true, description: 'See: neo account sub list.' }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AccountSubInvite);
    const { name } = args;
    await this.ask(flags, async (client, host, trust) => {
      await tellInvitation(this.out, host, trust, await client.call('sub-invite', { name }), { name });
    });
  }
}
