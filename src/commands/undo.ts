import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { removalJson } from '../cli/forget-report.ts';
import { graceFloor } from '../cli/grace-floor.ts';
import { openFromFlags } from '../cli/open.ts';
import { formatCounted, formatTime } from '../core/format.ts';
import { undo } from '../tasks/undo.ts';

export default class Undo extends NeoCommand {
  static override summary = 'Bring back what the last `neo forget` put in the trash';
  static override description =
    'Said again, it brings back what went before that. Each is there as it was, with its id.' +
    ' What went otherwise, and when: neo trash.';
  static override examples = ['<%= config.bin %> undo', '<%= config.bin %> undo 51f0745c --dry-run'];
  static override args = {
    removal: Args.string({ required: false, description: 'The start of the id of another one: neo trash' }),
  };
  static override flags = {
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say what would come back.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Undo);
    const { repository, state } = await openFromFlags(flags, this.out);
    const dryRun = flags['dry-run'];
    const wishes = {
      dryRun,
      ...graceFloor(this.out),
      ...(args.removal === undefined ? {} : { removal: args.removal }),
    };
    const found = await undo(repository, state, wishes, this.events);
    const { removal, snapshots, stillRemoved } = found;
    const what = `${formatCounted(snapshots.length, 'snapshot')}, removed ${formatTime(new Date(removal.time))}`;
    const body = { ...removalJson({ ...removal, snapshots }), undone: !dryRun, ...(dryRun ? { dryRun } : {}) };
    if (stillRemoved.length > 0) {
      this.out.note(
        `${formatCounted(stillRemoved.length, 'snapshot')} of it were removed before, too: say neo undo again`,
      );
    }
    await this.out.record('summary', body, `${dryRun ? 'would bring' : 'brought'} back ${what}`);
  }
}
