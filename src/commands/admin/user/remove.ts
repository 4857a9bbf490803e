import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { amountOf } from '../../../cli/account-lines.ts';
import { requireMeant } from '../../../cli/confirm.ts';
import { ServerCommand } from '../../../cli/server-command.ts';
import { NeoError } from '../../../core/errors.ts';

export default class AdminUserRemove extends ServerCommand {
  static override summary = 'Remove an account, and destroy all that is stored in it';
  static override description =
    'Its targets are gone for good with the repositories in them, and so are its sub-accounts: nothing brings them back. ' +
    'Where there is no terminal to ask at, it needs --yes. To keep somebody out for a time: neo admin user set --disable.';
  static override examples = [
    '<%= config.bin %> admin user remove ann --dry-run',
    '<%= config.bin %> admin user remove ann --yes',
  ];
  static override args = { name: Args.string({ required: true, description: 'See: neo admin user list.' }) };
  static override flags = {
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say how much would go.' }),
    yes: Flags.boolean({ char: 'y', summary: 'Without asking.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminUserRemove);
    const { name } = args;
    const dryRun = flags['dry-run'];
    await this.ask(flags, async (client) => {
      const { accounts } = await client.call('users', {});
      if (!accounts.some((each) => each.name === name)) throw new NeoError('failed', `there is no account ${name}`);
      const { usage } = await client.call('user-usage', {});
      // A sub-account has nothing of its own.
      const found = usage.find(({ account }) => account === name) ?? { bytes: 0, objects: 0 };
      if (!dryRun && !flags.yes) {
        await requireMeant(`Destroy the account ${name} (${amountOf(found)}) for good?`, this.signal);
      }
      const { bytes, objects } = dryRun ? found : await client.call('user-remove', { name });
      const text = `${dryRun ? 'would destroy' : 'destroyed'} ${name}: ${amountOf({ bytes, objects })}`;
      await this.out.record('summary', { removed: name, bytes, objects, ...(dryRun ? { dryRun } : {}) }, text);
    });
  }
}
