import { showNeoHost } from '../../backends/neo-location.ts';
import { accountJson, usageJson, usageLines } from '../../cli/account-lines.ts';
import { ServerCommand } from '../../cli/server-command.ts';

export default class AccountShow extends ServerCommand {
  static override summary = 'Show who one is at a server, and what is stored there';
  static override description =
    'A sub-account stores in the targets of the account that made it, and is shown what that one has stored.';
  static override examples = [
    '<%= config.bin %> account show',
    '<%= config.bin %> account show --server neo://backup.example.org --json',
  ];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(AccountShow);
    await this.ask(flags, async (client, { host, port }) => {
      const { account, device, token, role } = await client.call('whoami', {});
      const usage = await client.call('usage', {});
      const server = showNeoHost({ host, port });
      const { name, parent, isAdministrator, hasSecondFactor } = account;
      const of = parent === null ? '' : `, a sub-account of ${parent}`;
      const rights = isAdministrator ? `${role}, and an administrator of the server` : role;
      const lines = [
        `server         ${server}`,
        `account        ${name}${of}`,
        `role           ${rights}`,
        `let in by      ${token === null ? `device ${device?.slice(0, 8)}` : `token ${token.slice(0, 8)}`}`,
        `second factor  ${hasSecondFactor ? 'yes' : 'no'}`,
        ...usageLines(usage),
      ];
      const body = { server, ...accountJson(account), role, device, token, ...usageJson(usage) };
      await this.out.record('summary', body, lines.join('\n'));
    });
  }
}
