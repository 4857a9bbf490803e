import { grantColumns, grantListed } from '../../../cli/account-lines.ts';
import { printListing } from '../../../cli/listing.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AccountGrantList extends ServerCommand {
  static override summary = 'List what others may do in the targets of the account';
  static override description =
    'Shares that an account is let in to are listed too. What others have granted to this one: neo target list.';
  static override examples = ['<%= config.bin %> account grant list', '<%= config.bin %> account grant list --json'];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(AccountGrantList);
    await this.ask(flags, async (client) => {
      const things = (await client.call('grants', {})).grants.map(grantListed);
      await printListing(this.out, { type: 'grant', columns: grantColumns, things, none: 'nothing is granted' });
    });
  }
}
