import * as Args from '@oclif/core/args';
import { deviceListed, entranceColumns, entranceRows, tokenListed } from '../../../cli/account-lines.ts';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AdminDeviceList extends ServerCommand {
  static override summary = 'List the devices and tokens of an account, the oldest first';
  static override description = 'Those that were revoked are listed too.';
  static override examples = [
    '<%= config.bin %> admin device list ann',
    '<%= config.bin %> admin device list ann --json',
  ];
  static override args = { user: Args.string({ required: true, description: 'See: neo admin user list.' }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminDeviceList);
    await this.ask(flags, async (client) => {
      const { devices, tokens } = await client.call('user-devices', { name: args.user });
      for (const each of devices) await this.out.object('device', deviceListed(each).json);
      for (const each of tokens) await this.out.object('token', tokenListed(each).json);
      await this.out.object('summary', { account: args.user, devices: devices.length, tokens: tokens.length });
      if (devices.length + tokens.length === 0) this.out.note('there is no device and no token');
      await this.out.table(entranceColumns, entranceRows(devices, tokens));
    });
  }
}
