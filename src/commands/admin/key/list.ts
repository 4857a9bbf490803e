import { printListing } from '../../../cli/listing.ts';
import { ServerCommand } from '../../../cli/server-command.ts';
import { serverKeyColumns, serverKeyListed } from '../../../cli/server-key-lines.ts';

export default class AdminKeyList extends ServerCommand {
  static override summary = 'List the keys by which clients know the server';
  static override description =
    'With several that are presented the server shows another one from connection to connection. One that waits is told to ' +
    'clients, and not shown yet.';
  static override examples = ['<%= config.bin %> admin key list', '<%= config.bin %> admin key list --json'];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(AdminKeyList);
    await this.ask(flags, async (client) => {
      const { keys } = await client.call('keys', {});
      const things = keys.map(serverKeyListed);
      await printListing(this.out, { type: 'key', columns: serverKeyColumns, things, none: 'there is no key' });
    });
  }
}
