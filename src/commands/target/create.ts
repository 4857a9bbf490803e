import * as Args from '@oclif/core/args';
import { showNeo } from '../../backends/neo-location.ts';
import { ServerCommand } from '../../cli/server-command.ts';

export default class TargetCreate extends ServerCommand {
  static override summary = 'Make a target, in which a repository can be';
  static override description =
    'A target is a place at a server for one repository; neo init makes the repository in it, and the target too where ' +
    'there is none.';
  static override examples = [
    '<%= config.bin %> target create documents && <%= config.bin %> init --repo neo://backup.example.org/documents',
  ];
  static override args = {
    name: Args.string({ required: true, description: 'Small letters, digits, ., _ and -.' }),
  };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(TargetCreate);
    const { name } = args;
    await this.ask(flags, async (client, { host, port }) => {
      await client.call('target-create', { name });
      const location = showNeo({ host, port, target: name });
      await this.out.record('summary', { target: name, location }, `made ${location}`);
    });
  }
}
