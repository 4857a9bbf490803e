import * as Args from '@oclif/core/args';
import { ServerCommand } from '../../../cli/server-command.ts';
import { settingJson } from '../../../cli/setting-lines.ts';
import { NeoError } from '../../../core/errors.ts';

export default class AdminConfigGet extends ServerCommand {
  static override summary = 'Print the value of a setting of the server';
  static override description = 'As it stands in server.toml, without quotes. Who decides it: neo admin config list.';
  static override examples = ['<%= config.bin %> admin config get removals.after'];
  static override args = { name: Args.string({ required: true, description: 'See: neo admin config list.' }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminConfigGet);
    await this.ask(flags, async (client) => {
      const { settings } = await client.call('config', {});
      const found = settings.find(({ name }) => name === args.name);
      if (found === undefined) {
        throw new NeoError('usage', `there is no setting ${args.name}`, { hint: 'see `neo admin config list`' });
      }
      await this.out.record('summary', settingJson(found), found.value);
    });
  }
}
