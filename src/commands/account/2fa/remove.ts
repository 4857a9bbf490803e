import * as Flags from '@oclif/core/flags';
import { ServerCommand } from '../../../cli/server-command.ts';
import { NeoError } from '../../../core/errors.ts';

export default class AccountSecondFactorRemove extends ServerCommand {
  static override summary = 'Ask for no code at logins any more';
  static override description = 'Recovery codes end with it. Who has lost the app gives one of those.';
  static override examples = ['<%= config.bin %> account 2fa remove --code 123456'];
  static override flags = {
    code: Flags.string({ required: true, helpValue: 'CODE', summary: 'That the app shows, or a recovery code.' }),
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say whether there is one; the code is not used.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(AccountSecondFactorRemove);
    const dryRun = flags['dry-run'];
    await this.ask(flags, async (client) => {
      const { account } = await client.call('whoami', {});
      if (!dryRun) await client.call('second-remove', { second: flags.code });
      else if (!account.hasSecondFactor) throw new NeoError('failed', 'the account has no second factor');
      const text = `${dryRun ? 'would remove' : 'removed'} the second factor of ${account.name}`;
      await this.out.record('summary', { account: account.name, ...(dryRun ? { dryRun } : {}) }, text);
    });
  }
}
