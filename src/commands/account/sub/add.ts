import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { parseEnd } from '../../../cli/expiry.ts';
import { tellInvitation } from '../../../cli/invitation.ts';
import { roleFlag } from '../../../cli/role-flag.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AccountSubAdd extends ServerCommand {
  static override summary = 'Make a sub-account, and a code for its first device';
  static override description =
    'It has no targets of its own, only what it is granted in those of this account, and what it stores counts here. ' +
    'The second line is what to type there; it names a target as this account does.';
  static override examples = [
    '<%= config.bin %> account sub add laptop --target documents --role append',
    '<%= config.bin %> account sub add guest --expires 2027-01-01',
  ];
  static override args = { name: Args.string({ required: true, description: 'Small letters, digits, ., _ and -.' }) };
  static override flags = {
    target: Flags.string({ helpValue: 'NAME', summary: 'Grant it something in this target.', dependsOn: ['role'] }),
    role: roleFlag({ summary: 'What it may do there.', dependsOn: ['target'] }),
    expires: Flags.string({ helpValue: 'DATE', summary: 'When the sub-account ends. Default: never.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AccountSubAdd);
    const { name } = args;
    const { target, role } = flags;
    const expires = await parseEnd(flags.expires);
    await this.ask(flags, async (client, host, trust) => {
      const invitation = await client.call('sub-add', { name, expires });
      if (target !== undefined && role !== undefined) {
        try {
          await client.call('grant', { target, to: name, role });
        } catch (error) {
          // Both or none.
          await client.call('sub-remove', { name }).catch(() => undefined);
          throw error;
        }
      }
      const ends = expires === undefined ? null : new Date(expires).toISOString();
      const body = { name, target: target ?? null, role: role ?? null, expires: ends };
      await tellInvitation(this.out, host, trust, invitation, body);
    });
  }
}
