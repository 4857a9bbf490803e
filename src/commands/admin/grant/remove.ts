import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ServerCommand } from '../../../cli/server-command.ts';
import { NeoError } from '../../../core/errors.ts';

export default class AdminGrantRemove extends ServerCommand {
  static override summary = 'Take back what an account has granted to another one';
  static override description = 'It ends at once, also what is under way. Its owner can grant it again.';
  static override examples = [
    '<%= config.bin %> admin grant remove carol/papers --to dave',
    '<%= config.bin %> admin grant remove carol/papers --to dave --share 6f0e2a4c9d8b47e1a35c7f90b1d2e3f4',
  ];
  static override args = {
    target: Args.string({ required: true, description: 'OWNER/NAME; see: neo admin grant list USER.' }),
  };
  static override flags = {
    to: Flags.string({ required: true, helpValue: 'NAME', summary: 'Who was granted it.' }),
    share: Flags.string({ helpValue: 'ID', summary: 'Only that share. Default: what holds for all of the target.' }),
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say whether there is something to take back.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AdminGrantRemove);
    const [owner = '', target, ...rest] = args.target.split('/');
    if (target === undefined || rest.length > 0) {
      throw new NeoError('usage', `not a target of an account: ${args.target}`, { hint: 'write OWNER/NAME' });
    }
    const { to, share } = flags;
    const dryRun = flags['dry-run'];
    await this.ask(flags, async (client) => {
      if (dryRun) {
        const { grants } = await client.call('user-grants', { name: owner });
        const isMeant = (each: (typeof grants)[number]): boolean =>
          each.owner === owner && each.target === target && each.to === to && each.share === (share ?? null);
        if (!grants.some(isMeant)) throw new NeoError('failed', `${to} was granted nothing in ${args.target}`);
      } else {
        await client.call('user-grant-remove', { owner, target, to, share });
      }
      const what = share === undefined ? args.target : `share ${share} of ${args.target}`;
      const text = dryRun ? `${to} would be let into ${what} no more` : `${to} is let into ${what} no more`;
      const body = { owner, target, to, share: share ?? null, ...(dryRun ? { dryRun } : {}) };
      await this.out.record('summary', body, text);
    });
  }
}
