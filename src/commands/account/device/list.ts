import { deviceColumns, deviceListed } from '../../../cli/account-lines.ts';
import { printListing } from '../../../cli/listing.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AccountDeviceList extends ServerCommand {
  static override summary = 'List the devices of the account, the oldest first';
  static override description = 'Those that were revoked are listed too.';
  static override examples = ['<%= config.bin %> account device list', '<%= config.bin %> account device list --json'];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(AccountDeviceList);
    await this.ask(flags, async (client) => {
      const things = (await client.call('devices', {})).devices.map(deviceListed);
      await printListing(this.out, { type: 'device', columns: deviceColumns, things, none: 'there is no device' });
    });
  }
}
