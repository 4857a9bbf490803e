import * as Args from '@oclif/core/args';
import { ServerCommand } from '../../../cli/server-command.ts';

export default class AdminReplicaCompare extends ServerCommand {
  static override summary = 'Compare all with another server now, and send what it lacks';
  static override description =
    'A server does so by itself once a day, and after a crash. What the other one has lost is sent again; what was removed there is ' +
    'not. It goes on after this command: neo admin replica list.';
  static override examples = ['<%= config.bin %> admin replica compare munich'];
  static override args = { name: Args.string({ required: true, description: 'See: neo admin replica list.' }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminReplicaCompare);
    const { name } = args;
    await this.ask(flags, async (client) => {
      await client.call('replica-compare', { name });
      await this.out.record('summary', { name }, `${name} is being compared`);
    });
  }
}
