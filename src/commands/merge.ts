import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { openFromFlags } from '../cli/open.ts';
import { NeoError } from '../core/errors.ts';
import { formatBytes, formatCount, formatCounted } from '../core/format.ts';
import { loadIndex } from '../repo/indexed.ts';
import { selectSnapshot } from '../snapshot/select.ts';
import { DEFAULT_TRASH } from '../tasks/forget.ts';
import { mergeSnapshots } from '../tasks/merge.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';

export default class Merge extends NeoCommand {
  static override summary = 'Make one snapshot of several';
  static override description =
    'It has what any of them has; where several have the same path, what the newest one has. No data is stored again. ' +
    'It is of the host and time of the newest, with the paths and tags of all. The originals stay, unless --delete ' +
    'puts them in the trash (7 days, neo undo).';
  static override examples = [
    '<%= config.bin %> merge latest 2829f3c9',
    '<%= config.bin %> merge 2829f3c9 7f83b165 4a5b6c7d --tag archive --delete',
    '<%= config.bin %> merge latest latest~1 --dry-run',
  ];
  static override strict = false;
  static override args = {
    snapshot: Args.string({ required: true, description: 'These: the start of an id, latest, latest~2 …' }),
  };
  static override flags = {
    tag: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'TAG',
      summary: 'These tags, not theirs.',
    }),
    host: Flags.string({ helpValue: 'NAME', summary: 'It is of this host.' }),
    label: Flags.string({ helpValue: 'TEXT', summary: 'It is called so.' }),
    delete: Flags.boolean({ summary: 'The originals go to the trash.' }),
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say what it would hold.' }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Merge);
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const snapshots = [
      ...new Set(argv.map((reference) => selectSnapshot(look.snapshots, String(reference), undefined, look))),
    ];
    if (snapshots.length < 2)
      throw new NeoError('usage', 'it takes two snapshots to merge', { hint: 'name another one' });
    const { tag: tags, host, label } = flags;
    const options = {
      look,
      snapshots,
      ...(tags === undefined ? {} : { tags }),
      ...(host === undefined ? {} : { host }),
      ...(label === undefined ? {} : { label }),
      program: this.config.userAgent,
      deletes: flags.delete,
      trash: DEFAULT_TRASH,
      dryRun: flags['dry-run'],
    };
    const summary = await mergeSnapshots(await loadIndex(repository), state, options, this.events, this.signal);
    this.endProgress();
    const { snapshot, files, directories, bytes, replaced } = summary;
    const verb = flags['dry-run'] ? 'would merge' : 'merged';
    const what = `${formatCounted(files, 'file')} of ${formatBytes(bytes)}, ${formatCount(replaced)} replaced by newer ones`;
    const name = snapshot === undefined ? '' : `\nsnapshot ${snapshot.slice(0, 8)} saved`;
    const body = {
      snapshot: snapshot ?? null,
      merged: snapshots.map((each) => each.name),
      files,
      directories,
      bytes,
      replaced,
    };
    await this.out.record(
      'summary',
      { ...body, removal: summary.removal ?? null, dryRun: flags['dry-run'] },
      `${verb} ${formatCounted(snapshots.length, 'snapshot')}: ${what}${name}`,
    );
  }
}
