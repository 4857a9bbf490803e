import { NeoCommand } from '../../cli/base-command.ts';
import { openFromFlags } from '../../cli/open.ts';
import { policyColumns, policyJson, policyRow, versionPolicyJson, versionPolicyRow } from '../../cli/policy-report.ts';
import { listPolicies } from '../../tasks/policy.ts';
import { watchRollback } from '../../tasks/rollback.ts';

export default class PolicyShow extends NeoCommand {
  static override summary = 'Show which snapshots stay, as it is stored in the repository';
  static override description =
    'Of several policies the one with the longest path counts that holds all paths of a snapshot, and of those the one ' +
    'that names its host. Snapshots without a policy stay.';
  static override examples = ['<%= config.bin %> policy show', '<%= config.bin %> policy show --json'];
  static override flags = {};

  async run(): Promise<void> {
    const { flags } = await this.parse(PolicyShow);
    const { repository, state } = await openFromFlags(flags, this.out);
    await watchRollback(repository, state, this.events);
    const { policies, versions, faults } = await listPolicies(repository);
    for (const { name, reason } of faults) this.out.warn(`record ${name.slice(0, 8)} does not count: ${reason}`);
    for (const policy of policies) await this.out.object('policy', policyJson(policy));
    for (const policy of versions) await this.out.object('policy', versionPolicyJson(policy));
    const count = policies.length + versions.length;
    await this.out.object('summary', { policies: count, faults: faults.length });
    const rows = [...policies.map(policyRow), ...versions.map(versionPolicyRow)];
    if (count > 0) await this.out.table(policyColumns, rows);
    else this.out.note('there is no policy: neo policy set --keep-daily 14 …');
  }
}
