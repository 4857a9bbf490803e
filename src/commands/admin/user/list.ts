import { userColumns, userListed } from '../../../cli/account-lines.ts';
import { printListing } from '../../../cli/listing.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AdminUserList extends ServerCommand {
  static override summary = 'List all accounts of the server, with what they store';
  static override description = 'Sub-accounts have no amounts of their own: they store in targets of others.';
  static override examples = ['<%= config.bin %> admin user list', '<%= config.bin %> admin user list --json'];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(AdminUserList);
    await this.ask(flags, async (client) => {
      const { accounts } = await client.call('users', {});
      const { usage } = await client.call('user-usage', {});
      const used = new Map(usage.map((each) => [each.account, each]));
      const things = accounts.map((each) => userListed(each, used.get(each.name)));
      await printListing(this.out, { type: 'account', columns: userColumns, things, none: 'there is no account' });
    });
  }
}
