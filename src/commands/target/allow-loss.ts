import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ServerCommand } from '../../cli/server-command.ts';
import { formatDuration, parseDuration } from '../../core/format.ts';

export default class TargetAllowLoss extends ServerCommand {
  static override summary = 'Let a prune remove more of a target than the server gives up by itself';
  static override description =
    'The server removes no more than a part of a target within a day, so that a stolen key cannot empty it. Whoever means ' +
    'to remove more says so here, for a while; what was marked still waits for the grace of the server.';
  static override examples = ['<%= config.bin %> target allow-loss documents --for 1h'];
  static override args = { name: Args.string({ required: true, description: 'One of your own.' }) };
  static override flags = {
    for: Flags.string({ required: true, helpValue: 'TIME', summary: 'How long, at most 7d: 1h, 2d.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(TargetAllowLoss);
    const { name } = args;
    const milliseconds = parseDuration(flags.for);
    await this.ask(flags, (client) => client.call('loss-allow', { name, milliseconds }));
    const text = `for ${formatDuration(milliseconds)} all of ${name} may be removed`;
    await this.out.record('summary', { name, milliseconds }, text);
  }
}
