import { subColumns, subListed } from '../../../cli/account-lines.ts';
import { printListing } from '../../../cli/listing.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AccountSubList extends ServerCommand {
  static override summary = 'List the sub-accounts of the account';
  static override description = 'What they may do where is listed by neo account grant list.';
  static override examples = ['<%= config.bin %> account sub list', '<%= config.bin %> account sub list --json'];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(AccountSubList);
    await this.ask(flags, async (client) => {
      const things = (await client.call('subs', {})).accounts.map(subListed);
      await printListing(this.out, { type: 'account', columns: subColumns, things, none: 'there is no sub-account' });
    });
  }
}
