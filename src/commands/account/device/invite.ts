import * as Flags from '@oclif/core/flags';
import { parseEnd } from '../../../cli/expiry.ts';
import { tellInvitation } from '../../../cli/invitation.ts';
import { roleFlag } from '../../../cli/role-flag.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AccountDeviceInvite extends ServerCommand {
  static override summary = 'Make a code that lets one more device into the account';
  static override description =
    'The second line is what to type there. A machine that only makes snapshots needs the role append: what it stores ' +
    'it cannot remove, whoever has taken it over.';
  static override examples = [
    '<%= config.bin %> account device invite',
    '<%= config.bin %> account device invite --role append --until tomorrow',
  ];
  static override flags = {
    role: roleFlag({ summary: 'What the device may do. Default: admin.' }),
    until: Flags.string({ helpValue: 'DATE', summary: 'How long the code can be used. Default: a week.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(AccountDeviceInvite);
    const { role = 'admin' } = flags;
    const until = await parseEnd(flags.until);
    await this.ask(flags, async (client, host, trust) => {
      await tellInvitation(this.out, host, trust, await client.call('device-invite', { role, until }), { role });
    });
  }
}
