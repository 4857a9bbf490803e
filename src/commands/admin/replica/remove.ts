import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ServerCommand } from '../../../cli/server-command.ts';
import { NeoError } from '../../../core/errors.ts';

const LIST = 'neo admin replica list shows those that there are';

export default class AdminReplicaRemove extends ServerCommand {
  static override summary = 'Send nothing more to another server';
  static override description =
    'What it has stays there. There, `admin user remove` of this server’s account ends its right to store. A server that sends here ' +
    'is removed as an account, too: `admin user remove`.';
  static override examples = ['<%= config.bin %> admin replica remove munich'];
  static override args = { name: Args.string({ required: true, description: 'See: neo admin replica list.' }) };
  static override flags = {
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say what is still to be sent.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminReplicaRemove);
    const { name } = args;
    await this.ask(flags, async (client) => {
      const { replicas } = await client.call('replicas', {});
      const replica = replicas.find((each) => each.name === name);
      if (replica === undefined) throw new NeoError('not-found', `there is no replica ${name}`, { hint: LIST });
      const { queued } = replica;
      const dryRun = flags['dry-run'] === true;
      if (!dryRun) await client.call('replica-remove', { name });
      const words = dryRun ? 'nothing more would be sent' : 'nothing more is sent';
      await this.out.record('summary', { name, queued, dryRun }, `${words} to ${name}; ${queued} objects were to be`);
    });
  }
}
