import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { limitFlags, limitsBy } from '../../../cli/account-flags.ts';
import { tellInvitation } from '../../../cli/invitation.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AdminUserAdd extends ServerCommand {
  static override summary = 'Make an account, and a code for its first device';
  static override description =
    'The second line is what its owner types. Nobody but them can read what they store, the server and its ' +
    'administrators included.';
  static override examples = [
    '<%= config.bin %> admin user add ann --quota 100GiB',
    '<%= config.bin %> admin user add bob --administrator',
  ];
  static override args = { name: Args.string({ required: true, description: 'Small letters, digits, ., _ and -.' }) };
  static override flags = {
    ...limitFlags,
    administrator: Flags.boolean({ summary: 'It administers the server, too.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminUserAdd);
    const { name } = args;
    const { quota, perObject } = limitsBy(flags);
    const isAdministrator = flags.administrator === true;
    await this.ask(flags, async (client, host, trust) => {
      const invitation = await client.call('user-add', { name, isAdministrator, quota, perObject });
      const body = { name, isAdministrator, quota: quota ?? null, perObject: perObject ?? 0 };
      await tellInvitation(this.out, host, trust, invitation, body);
    });
  }
}
