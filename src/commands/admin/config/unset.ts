import * as Args from '@oclif/core/args';
import { ServerCommand } from '../../../cli/server-command.ts';
import { settingJson, settingLine } from '../../../cli/setting-lines.ts';

export default class AdminConfigUnset extends ServerCommand {
  static override summary = 'Leave a setting of the server to its default again';
  static override description =
    'It holds at once; where the default protects less against stolen keys, it counts only later, as with neo admin ' +
    'config set.';
  static override examples = ['<%= config.bin %> admin config unset log-level'];
  static override args = { name: Args.string({ required: true, description: 'See: neo admin config list.' }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminConfigUnset);
    const { name } = args;
    await this.ask(flags, async (client) => {
      const setting = await client.call('config-unset', { name });
      await this.out.record('summary', settingJson(setting), settingLine(setting));
    });
  }
}
