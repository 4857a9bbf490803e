import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { amountOf } from '../../cli/account-lines.ts';
import { requireMeant } from '../../cli/confirm.ts';
import { ServerCommand } from '../../cli/server-command.ts';
import { NeoError } from '../../core/errors.ts';

export default class TargetRemove extends ServerCommand {
  static override summary = 'Destroy a target with all that is in it';
  static override description =
    'The repository in it is gone for good, with all of its snapshots: neither neo undo nor the server brings anything ' +
    'back. Where there is no terminal to ask at, it needs --yes.';
  static override examples = [
    '<%= config.bin %> target remove documents --dry-run',
    '<%= config.bin %> target remove documents',
    '<%= config.bin %> target remove documents --yes',
  ];
  static override args = {
    name: Args.string({ required: true, description: 'One of your own; see: neo target list.' }),
  };
  static override flags = {
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say how much would go.' }),
    yes: Flags.boolean({ char: 'y', summary: 'Without asking.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(TargetRemove);
    const { name } = args;
    const dryRun = flags['dry-run'];
    await this.ask(flags, async (client) => {
      const { account } = await client.call('whoami', {});
      const { targets } = await client.call('targets', {});
      const found = targets.find((each) => each.owner === account.name && each.name === name);
      if (found === undefined) {
        throw new NeoError('no-repository', `the account has no target ${name}`, { hint: 'see `neo target list`' });
      }
      if (!dryRun && !flags.yes) {
        await requireMeant(`Destroy the target ${name} (${amountOf(found)}) for good?`, this.signal);
      }
      const { bytes, objects } = dryRun ? found : await client.call('target-remove', { name });
      const text = `${dryRun ? 'would destroy' : 'destroyed'} ${name}: ${amountOf({ bytes, objects })}`;
      await this.out.record('summary', { removed: name, bytes, objects, ...(dryRun ? { dryRun } : {}) }, text);
    });
  }
}
