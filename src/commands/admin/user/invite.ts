import * as Args from '@oclif/core/args';
import { tellInvitation } from '../../../cli/invitation.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AdminUserInvite extends ServerCommand {
  static override summary = 'Make a code that lets one more device into an account';
  static override description =
    'For somebody who has lost all devices and has no secret. Whoever has the code may do all in the account, but ' +
    'reads nothing without a key of the repository.';
  static override examples = ['<%= config.bin %> admin user invite ann'];
  static override args = { name: Args.string({ required: true, description: 'See: neo admin user list.' }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminUserInvite);
    const { name } = args;
    await this.ask(flags, async (client, host, trust) => {
      await tellInvitation(this.out, host, trust, await client.call('user-invite', { name }), { name });
    });
  }
}
