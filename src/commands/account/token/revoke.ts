import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { byStart } from '../../../cli/by-start.ts';
import { ServerCommand } from '../../../cli/server-command.ts';
import { safeText } from '../../../cli/table.ts';

export default class AccountTokenRevoke extends ServerCommand {
  static override summary = 'End a token at once';
  static override description = 'Whatever has it is let in no more, and what it is doing at the server ends.';
  static override examples = ['<%= config.bin %> account token revoke 3f9a11c0'];
  static override args = {
    token: Args.string({ required: true, description: 'Start of an id; see: neo account token list.' }),
  };
  static override flags = { 'dry-run': Flags.boolean({ char: 'n', summary: 'Only say which it is.' }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AccountTokenRevoke);
    const dryRun = flags['dry-run'];
    await this.ask(flags, async (client) => {
      const { tokens } = await client.call('tokens', {});
      const left = tokens.filter(({ revoked }) => revoked === null);
      const { id, name } = byStart(left, args.token, 'token', 'neo account token list');
      if (!dryRun) await client.call('token-revoke', { id });
      const text = `${dryRun ? 'would revoke' : 'revoked'} token ${id.slice(0, 8)} (${safeText(name)})`;
      await this.out.record('summary', { id, name, ...(dryRun ? { dryRun } : {}) }, text);
    });
  }
}
