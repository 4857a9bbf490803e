import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ControlClient } from '../backends/neo-control.ts';
import { parseNeoHost, showNeoHost } from '../backends/neo-location.ts';
import { PlainCommand } from '../cli/base-command.ts';
import { loginsAt, removeLogin } from '../cli/logins.ts';
import { trustOf } from '../cli/server-trust.ts';
import { systemFolders } from '../cli/surroundings.ts';
import { NeoError } from '../core/errors.ts';

export default class Logout extends PlainCommand {
  static override summary = 'End what neo login began';
  static override description = "The server revokes this device's key, and it is removed from this machine.";
  static override examples = [
    '<%= config.bin %> logout neo://backup.example.org',
    '<%= config.bin %> logout neo://ann@backup.example.org --local',
  ];
  static override args = { server: Args.string({ required: true, description: 'neo://[ACCOUNT@]HOST[:PORT]' }) };
  static override flags = {
    local: Flags.boolean({ summary: 'Only here: the server is not asked, and still knows the device.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Logout);
    const folders = systemFolders();
    const host = parseNeoHost(args.server);
    const logins = await loginsAt(folders, host);
    const [login] = logins;
    if (login === undefined) throw new NeoError('failed', `nobody is logged in at ${showNeoHost(host)}`);
    if (logins.length > 1) {
      throw new NeoError('usage', `${logins.length} accounts are logged in at ${showNeoHost(host)}: name one`);
    }
    if (!flags.local) {
      const client = new ControlClient(host, trustOf(login));
      try {
        await client.call('device-revoke', { id: login.device });
      } finally {
        await client.close();
      }
    }
    await removeLogin(folders, login);
    const body = { server: showNeoHost({ host: login.host, port: login.port }), account: login.account };
    await this.out.record('logout', body, `logged out ${login.account} at ${body.server}`);
  }
}
