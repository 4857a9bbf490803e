import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import { NeoCommand } from '../../cli/base-command.ts';
import { openFromFlags } from '../../cli/open.ts';
import { stashColumns, stashJson, stashRow } from '../../cli/stash-lines.ts';
import { utf8 } from '../../core/bytes.ts';
import { lookAtSnapshots } from '../../tasks/snapshots.ts';
import { stashesOf } from '../../tasks/stash.ts';

export default class StashList extends NeoCommand {
  static override summary = 'List what is stashed, the newest first';
  static override description =
    'With a path: only stashes in which it lies. Their numbers are those of the whole list.';
  static override examples = ['<%= config.bin %> stash list', '<%= config.bin %> stash list report.odt --json'];
  static override args = { path: Args.string({ required: false, description: 'As it was on the disk.' }) };
  static override flags = {};

  async run(): Promise<void> {
    const { args, flags } = await this.parse(StashList);
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const chosen = new Set(stashesOf(look, args.path === undefined ? undefined : utf8(resolve(args.path))));
    const numbered = [...stashesOf(look).entries()].filter(([, stash]) => chosen.has(stash));
    for (const [number, stash] of numbered) await this.out.object('stash', stashJson(stash, number));
    await this.out.object('summary', { stashes: numbered.length });
    const rows = numbered.map(([number, stash]) => stashRow(stash, number));
    if (rows.length > 0) await this.out.table(stashColumns, rows);
    else this.out.note('nothing is stashed');
  }
}
