import { NeoCommand } from '../../cli/base-command.ts';
import { openFromFlags } from '../../cli/open.ts';
import { policyScope, scopeFlags } from '../../cli/policy-flags.ts';
import { removePolicy } from '../../tasks/policy.ts';
import { watchRollback } from '../../tasks/rollback.ts';

export default class PolicyRemove extends NeoCommand {
  static override summary = 'Remove a policy from the repository';
  static override description = 'That of exactly this host and path; without both, the one for everybody.';
  static override examples = ['<%= config.bin %> policy remove', '<%= config.bin %> policy remove --path ~/photos'];
  static override flags = scopeFlags;

  async run(): Promise<void> {
    const { flags } = await this.parse(PolicyRemove);
    const { repository, state } = await openFromFlags(flags, this.out);
    await watchRollback(repository, state, this.events);
    await removePolicy(repository, policyScope(flags));
    await this.out.record('summary', { removed: true }, 'removed: what had only this policy stays from now on');
  }
}
