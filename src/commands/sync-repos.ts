import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { copyFilterFlags } from '../cli/copy-flags.ts';
import { reportSync } from '../cli/copy-report.ts';
import { openFromFlags } from '../cli/open.ts';
import { openOther, otherFlags } from '../cli/other-repository.ts';
import { chosenBy, copyBetween } from '../tasks/copy-between.ts';

export default class SyncRepos extends NeoCommand {
  static override summary = 'Give two repositories what the other one has';
  static override description =
    'Snapshots and stashes that only one of them has are copied to the other one, as `neo copy` does it: once each, ' +
    'however many repositories are kept alike in rings or meshes, and an interrupted run goes on where it was. What is ' +
    'in the trash of one is not brought back; once it has left the trash, it is, as long as the other one keeps it: ' +
    'forget in both.';
  static override examples = [
    '<%= config.bin %> sync-repos mirror',
    '<%= config.bin %> sync-repos sftp://nas/srv/neo --dry-run',
    '<%= config.bin %> sync-repos mirror --repo s3backup --host laptop',
  ];
  static override args = {
    other: Args.string({
      required: true,
      description: 'The other repository: a location, or a name from the configuration.',
    }),
  };
  static override flags = {
    ...copyFilterFlags,
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say what would be copied.' }),
    ...otherFlags,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SyncRepos);
    const own = await openFromFlags(flags, this.out);
    const other = await openOther(args.other, flags, this.out);
    const means = { dryRun: flags['dry-run'], events: this.events, signal: this.signal };
    const ways = [];
    for (const [from, to] of [
      [own, other],
      [other, own],
    ] as const) {
      const summary = await copyBetween(from, to, chosenBy(flags), means);
      ways.push({ from: from.repository.backend.location, to: to.repository.backend.location, summary });
    }
    this.endProgress();
    await reportSync(this.out, ways, flags['dry-run']);
  }
}
