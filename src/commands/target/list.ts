import { targetColumns, targetListed } from '../../cli/account-lines.ts';
import { printListing } from '../../cli/listing.ts';
import { ServerCommand } from '../../cli/server-command.ts';

export default class TargetList extends ServerCommand {
  static override summary = 'List the targets that this account may look into';
  static override description =
    'As they stand in locations, after neo://HOST/: NAME for one of your own, OWNER/NAME for what somebody else lets ' +
    'you into. Objects and size are what lies there, without the charge for objects.';
  static override examples = ['<%= config.bin %> target list', '<%= config.bin %> target list --json'];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(TargetList);
    await this.ask(flags, async (client) => {
      const { account } = await client.call('whoami', {});
      const { targets } = await client.call('targets', {});
      const things = targets.map((each) => targetListed(each, account));
      const none = 'there is no target: neo target create NAME';
      await printListing(this.out, { type: 'target', columns: targetColumns, things, none });
    });
  }
}
