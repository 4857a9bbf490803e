import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ServerCommand } from '../../../cli/server-command.ts';
import { NeoError } from '../../../core/errors.ts';

export default class AccountGrantRemove extends ServerCommand {
  static override summary = 'Take back what another account was granted in a target';
  static override description = 'It ends at once, also what is under way. Shares are taken back by neo share remove.';
  static override examples = ['<%= config.bin %> account grant remove documents --to bob'];
  static override args = { target: Args.string({ required: true, description: 'See: neo account grant list.' }) };
  static override flags = {
    to: Flags.string({ required: true, helpValue: 'NAME', summary: 'The other account.' }),
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say whether there is something to take back.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AccountGrantRemove);
    const { target } = args;
    const { to } = flags;
    const dryRun = flags['dry-run'];
    await this.ask(flags, async (client) => {
      if (dryRun) {
        const { grants } = await client.call('grants', {});
        const isThere = grants.some((each) => each.target === target && each.to === to && each.share === null);
        if (!isThere) throw new NeoError('failed', `${to} was granted nothing in ${target}`);
      } else {
        await client.call('grant-remove', { target, to });
      }
      const text = dryRun ? `${to} would be let into ${target} no more` : `${to} is let into ${target} no more`;
      await this.out.record('summary', { target, to, ...(dryRun ? { dryRun } : {}) }, text);
    });
  }
}
