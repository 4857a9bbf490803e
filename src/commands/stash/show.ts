import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { LongLines, nodeJson } from '../../cli/node-lines.ts';
import { openFromFlags } from '../../cli/open.ts';
import { displayBytes } from '../../core/bytes.ts';
import { loadKnownIndex } from '../../repo/indexed.ts';
import { listNodes } from '../../tasks/list.ts';
import { lookAtSnapshots } from '../../tasks/snapshots.ts';
import { selectStash } from '../../tasks/stash.ts';

export default class StashShow extends NeoCommand {
  static override summary = 'List what is in a stash';
  static override description =
    'Its content: neo cat ID:PATH. What differs on the disk now: neo diff ID --disk, where ID is that of neo stash list.';
  static override examples = ['<%= config.bin %> stash show', '<%= config.bin %> stash show 2 --long'];
  static override args = {
    stash: Args.string({ default: '0', description: 'Number in the list, or start of an id.' }),
  };
  static override flags = {
    long: Flags.boolean({ char: 'l', summary: 'Mode, links, owner, group, size and time, too.' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(StashShow);
    const { repository, state } = await openFromFlags(flags, this.out);
    const stash = selectStash(await lookAtSnapshots(repository, state, this.events), args.stash);
    const long = new LongLines();
    let nodes = 0;
    const indexed = await loadKnownIndex(repository, state);
    for (const path of stash.body.paths) {
      for await (const { path: at, node } of listNodes(indexed, stash, { path, recursive: true }, this.events)) {
        nodes += 1;
        if (this.out.json) await this.out.object('node', nodeJson(at, node));
        else await this.out.line(flags.long ? long.line(at, node) : displayBytes(at));
      }
    }
    await this.out.object('summary', { snapshot: stash.name, nodes });
  }
}
