import { printListing } from '../../../cli/listing.ts';
import { replicaColumns, replicaListed } from '../../../cli/replica-lines.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AdminReplicaList extends ServerCommand {
  static override summary = 'List the servers that are sent what comes here';
  static override description =
    'With what is still to be sent to each, since when the oldest of it waits, and what went wrong. Nothing is ever dropped: what ' +
    'is refused is tried again, at most an hour later.';
  static override examples = ['<%= config.bin %> admin replica list', '<%= config.bin %> admin replica list --json'];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(AdminReplicaList);
    await this.ask(flags, async (client) => {
      const { replicas } = await client.call('replicas', {});
      const things = replicas.map((each) => replicaListed(each, Date.now()));
      const none = 'what comes here is sent to no other server';
      await printListing(this.out, { type: 'replica', columns: replicaColumns, things, none });
    });
  }
}
