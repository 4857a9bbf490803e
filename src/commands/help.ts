import * as Args from '@oclif/core/args';
import { loadHelpClass } from '@oclif/core/help';
import { PlainCommand } from '../cli/base-command.ts';

export default class Help extends PlainCommand {
  static override summary = 'Show what neo can do, or how a command is used';
  static override description =
    'Without a name: the list of commands. `neo COMMAND --help` says the same as `neo help COMMAND`.';
  static override examples = ['<%= config.bin %> help', '<%= config.bin %> help version'];
  static override strict = false;
  static override args = { command: Args.string({ description: 'Command to explain.', required: false }) };

  async run(): Promise<void> {
    const { argv } = await this.parse(Help);
    const HelpClass = await loadHelpClass(this.config);
    const help = new HelpClass(this.config, this.config.pjson.oclif.helpOptions);
    await help.showHelp(argv.map(String));
  }
}
