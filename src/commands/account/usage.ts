import { usageJson, usageLines } from '../../cli/account-lines.ts';
import { ServerCommand } from '../../cli/server-command.ts';

export default class AccountUsage extends ServerCommand {
  static override summary = 'Show what an account stores, and what it may';
  static override description =
    'Used are the bytes of all objects in all of its targets, and what the server charges for each object; that is ' +
    'what the quota is about. The last line is what was used, times how long, since the account was made.';
  static override examples = ['<%= config.bin %> account usage', '<%= config.bin %> account usage --json'];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(AccountUsage);
    await this.ask(flags, async (client) => {
      const usage = await client.call('usage', {});
      const body = { account: usage.account, ...usageJson(usage) };
      await this.out.record('summary', body, [`account        ${usage.account}`, ...usageLines(usage)].join('\n'));
    });
  }
}
