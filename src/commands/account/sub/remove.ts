import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ServerCommand } from '../../../cli/server-command.ts';
import { NeoError } from '../../../core/errors.ts';

export default class AccountSubRemove extends ServerCommand {
  static override summary = 'Remove a sub-account';
  static override description =
    'Its devices, tokens and grants end at once. What it has stored lies in targets of this account, and stays there.';
  static override examples = ['<%= config.bin %> account sub remove laptop'];
  static override args = { name: Args.string({ required: true, description: 'See: neo account sub list.' }) };
  static override flags = { 'dry-run': Flags.boolean({ char: 'n', summary: 'Only say whether there is one.' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AccountSubRemove);
    const { name } = args;
    const dryRun = flags['dry-run'];
    await this.ask(flags, async (client) => {
      if (dryRun) {
        const { accounts } = await client.call('subs', {});
        if (!accounts.some((each) => each.name === name))
          throw new NeoError('failed', `there is no sub-account ${name}`);
      } else {
        await client.call('sub-remove', { name });
      }
      const text = `${dryRun ? 'would remove' : 'removed'} ${name}`;
      await this.out.record('summary', { removed: name, ...(dryRun ? { dryRun } : {}) }, text);
    });
  }
}
