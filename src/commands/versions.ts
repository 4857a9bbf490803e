import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { openFromFlags } from '../cli/open.ts';
import { versionColumns, versionJson, versionRow } from '../cli/version-lines.ts';
import { utf8 } from '../core/bytes.ts';
import { formatTime } from '../core/format.ts';
import { filterSnapshots } from '../snapshot/filter.ts';
import { historySource } from '../tasks/history.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';
import { findVersions } from '../tasks/versions.ts';

export default class Versions extends NeoCommand {
  static override summary = 'List every content that a file has had, over all snapshots';
  static override description =
    'Oldest first, numbered: `neo restore PATH --version N` and `neo cat PATH --version N` take them by that number. ' +
    'What changed and changed back is one version. A file that is not there any more is said to be deleted.';
  static override examples = [
    '<%= config.bin %> versions ~/work/report.odt',
    '<%= config.bin %> versions report.odt --host laptop --json',
    '<%= config.bin %> cat report.odt --version 2 > report-of-then.odt',
  ];
  static override args = { path: Args.string({ required: true, description: 'As it was on the disk.' }) };
  static override flags = {
    host: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME',
      summary: 'Only in snapshots of this host.',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Versions);
    const path = utf8(resolve(args.path));
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const chosen = filterSnapshots(look.snapshots, { hosts: flags.host ?? [], tags: [], paths: [] });
    const found = await findVersions(historySource(repository, look), chosen, path, this.events);
    const { versions, deletedBy } = found;
    for (const version of versions) await this.out.object('version', versionJson(version));
    await this.out.object('summary', { versions: versions.length, deletedBy: deletedBy?.name });
    await this.out.table(versionColumns, versions.map(versionRow));
    if (deletedBy !== undefined) {
      const since = `${formatTime(new Date(deletedBy.body.time))} (snapshot ${deletedBy.name.slice(0, 8)})`;
      await this.out.line(`deleted: gone since ${since}; to bring it back: neo undelete`);
    }
  }
}
