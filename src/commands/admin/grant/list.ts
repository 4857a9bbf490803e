import * as Args from '@oclif/core/args';
import { anyGrantListed, grantColumns } from '../../../cli/account-lines.ts';
import { printListing } from '../../../cli/listing.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AdminGrantList extends ServerCommand {
  static override summary = 'List what an account was granted by others, and what it has granted';
  static override description = 'Shares that somebody is let in to are listed too.';
  static override examples = [
    '<%= config.bin %> admin grant list ann',
    '<%= config.bin %> admin grant list ann --json',
  ];
  static override args = { user: Args.string({ required: true, description: 'See: neo admin user list.' }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminGrantList);
    await this.ask(flags, async (client) => {
      const things = (await client.call('user-grants', { name: args.user })).grants.map(anyGrantListed);
      await printListing(this.out, { type: 'grant', columns: grantColumns, things, none: 'nothing is granted' });
    });
  }
}
