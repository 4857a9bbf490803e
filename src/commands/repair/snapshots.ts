import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { openFromFlags } from '../../cli/open.ts';
import { reportSnapshotRepair } from '../../cli/repair-report.ts';
import { rewriteFlags, rewriteWishes } from '../../cli/rewrite-flags.ts';
import { utf8 } from '../../core/bytes.ts';
import { loadIndex } from '../../repo/indexed.ts';
import { selectSnapshot } from '../../snapshot/select.ts';
import { repairSnapshots } from '../../tasks/repair-snapshots.ts';
import { lookAtSnapshots } from '../../tasks/snapshots.ts';

export default class RepairSnapshots extends NeoCommand {
  static override summary = 'Make snapshots anew without what is lost';
  static override description =
    'For what `neo repair packs` could not heal. Reads all packs, finds what is lost, and looks for the same contents in ' +
    'other snapshots and, with --from-path, in files. What is found nowhere is left out and named: a file, the entries ' +
    'of a directory, the extended attributes of an entry. The originals go to the trash, so that `neo undo` brings them ' +
    'back, and `neo prune` can go on.';
  static override examples = [
    '<%= config.bin %> repair snapshots --dry-run',
    '<%= config.bin %> repair snapshots --from-path ~/work',
    '<%= config.bin %> repair snapshots latest --keep-originals',
  ];
  static override strict = false;
  static override args = {
    snapshot: Args.string({ required: false, description: 'Only these: the start of an id, latest, latest~2 …' }),
  };
  static override flags = {
    'from-path': Flags.string({ helpValue: 'DIR', summary: 'A folder with files that may have lost contents.' }),
    'read-data': Flags.boolean({
      default: true,
      allowNo: true,
      summary: 'Read all packs. With --no-read-data what has the right length counts as whole.',
    }),
    'keep-originals': rewriteFlags['keep-originals'],
    trash: rewriteFlags.trash,
    'dry-run': rewriteFlags['dry-run'],
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(RepairSnapshots);
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const named = argv.map((reference) => selectSnapshot(look.snapshots, String(reference), undefined, look));
    const options = {
      ...rewriteWishes(flags),
      look,
      snapshots: argv.length === 0 ? look.snapshots : [...new Set(named)],
      readData: flags['read-data'],
      workers: availableParallelism(),
      ...(flags['from-path'] === undefined ? {} : { fromPath: utf8(resolve(flags['from-path'])) }),
    };
    const summary = await repairSnapshots(await loadIndex(repository), state, options, this.events, this.signal);
    this.endProgress();
    await reportSnapshotRepair(this.out, summary, options.dryRun);
  }
}
