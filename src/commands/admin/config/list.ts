import { printListing } from '../../../cli/listing.ts';
import { ServerCommand } from '../../../cli/server-command.ts';
import { settingColumns, settingListed } from '../../../cli/setting-lines.ts';

export default class AdminConfigList extends ServerCommand {
  static override summary = 'List the settings that change while the server runs, and who decides each';
  static override description =
    'A flag of neo serve wins over server.toml, that over what was set here (wire), and that over the default. What else ' +
    'there is in server.toml is read at the start of the server alone: see docs/server.md.';
  static override examples = ['<%= config.bin %> admin config list', '<%= config.bin %> admin config list --json'];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(AdminConfigList);
    await this.ask(flags, async (client) => {
      const things = (await client.call('config', {})).settings.map(settingListed);
      await printListing(this.out, { type: 'setting', columns: settingColumns, things, none: 'there is no setting' });
    });
  }
}
