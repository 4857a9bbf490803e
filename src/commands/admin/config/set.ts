import * as Args from '@oclif/core/args';
import { ServerCommand } from '../../../cli/server-command.ts';
import { settingJson, settingLine } from '../../../cli/setting-lines.ts';

export default class AdminConfigSet extends ServerCommand {
  static override summary = 'Change a setting of the server while it runs';
  static override description =
    'It holds at once, and after the server was started anew; what a flag or server.toml decides cannot be changed here. ' +
    'A lower removals.after, or a higher removals.most, protects less against stolen keys: it counts only when the time ' +
    'has gone by for which removals.after has kept things until then, a week at most.';
  static override examples = [
    '<%= config.bin %> admin config set second-factor required',
    '<%= config.bin %> admin config set removals.after 48h',
    '<%= config.bin %> admin config set log-level debug --json',
  ];
  static override args = {
    name: Args.string({ required: true, description: 'See: neo admin config list.' }),
    value: Args.string({ required: true, description: 'As in server.toml, without quotes.' }),
  };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminConfigSet);
    const { name, value } = args;
    await this.ask(flags, async (client) => {
      const setting = await client.call('config-set', { name, value });
      await this.out.record('summary', settingJson(setting), settingLine(setting));
    });
  }
}
