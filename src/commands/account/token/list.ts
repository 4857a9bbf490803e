import { tokenColumns, tokenListed } from '../../../cli/account-lines.ts';
import { printListing } from '../../../cli/listing.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AccountTokenList extends ServerCommand {
  static override summary = 'List the tokens of the account, the oldest first';
  static override description = 'The tokens themselves are not shown: the server does not know them.';
  static override examples = ['<%= config.bin %> account token list', '<%= config.bin %> account token list --json'];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(AccountTokenList);
    await this.ask(flags, async (client) => {
      const things = (await client.call('tokens', {})).tokens.map(tokenListed);
      await printListing(this.out, { type: 'token', columns: tokenColumns, things, none: 'there is no token' });
    });
  }
}
