import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { keepFlags, keepRules } from '../../cli/forget-flags.ts';
import { keepWords } from '../../cli/keep-text.ts';
import { openFromFlags } from '../../cli/open.ts';
import { policyScope, scopeFlags, versionFlags, versionWishes } from '../../cli/policy-flags.ts';
import { policyJson, versionPolicyJson, versionWords } from '../../cli/policy-report.ts';
import { setPolicy, setVersionPolicy } from '../../tasks/policy.ts';
import { watchRollback } from '../../tasks/rollback.ts';

export default class PolicySet extends NeoCommand {
  static override summary = 'Store in the repository which snapshots stay';
  static override description =
    'From then on `neo forget` without rules goes by it, whoever says it. Of several policies the one with the longest ' +
    'path counts that holds all paths of a snapshot, and of those the one that names its host. It takes the place of ' +
    'what the same host and path had. Nothing is removed by this.';
  static override examples = [
    '<%= config.bin %> policy set --keep-daily 14 --keep-weekly 8 --keep-monthly 24',
    '<%= config.bin %> policy set --path ~/photos --keep-yearly all --keep-last 3',
    '<%= config.bin %> policy set --path ~/work --versions original,last:10,daily:7 --keep-deleted 90d',
    '<%= config.bin %> policy set --host laptop --keep-within 30d && <%= config.bin %> forget --dry-run',
  ];
  static override flags = {
    ...keepFlags,
    ...scopeFlags,
    ...versionFlags,
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say what would be stored.' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(PolicySet);
    const scope = policyScope(flags);
    const rules = keepRules(flags);
    const versions = versionWishes(flags);
    const dryRun = flags['dry-run'];
    const { repository, state } = await openFromFlags(flags, this.out);
    await watchRollback(repository, state, this.events);
    const said: string[] = [];
    if (versions === undefined || Object.keys(rules).length > 0) {
      await setPolicy(repository, scope, rules, { dryRun });
      said.push(...keepWords(rules));
    }
    if (versions !== undefined) {
      const wishes = versions === 'off' ? undefined : versions;
      await setVersionPolicy(repository, scope, wishes, { dryRun });
      said.push(wishes === undefined ? '--versions off' : versionWords(wishes));
    }
    const ofVersions = versions === undefined || versions === 'off' ? {} : versionPolicyJson({ ...scope, ...versions });
    const body = { ...ofVersions, ...policyJson({ ...scope, rules }), ...(dryRun ? { dryRun } : {}) };
    await this.out.record('summary', body, `${dryRun ? 'would store' : 'stored'}: ${said.join(' ')}`);
    this.out.note('see what it removes: neo forget --dry-run');
  }
}
