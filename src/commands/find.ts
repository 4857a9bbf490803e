import * as Args from '@oclif/core/args';
import { NeoCommand } from '../cli/base-command.ts';
import { findFlags, findOptions, searchedSnapshots } from '../cli/find-flags.ts';
import { hitHeader, hitJson, hitLine } from '../cli/find-lines.ts';
import { openFromFlags } from '../cli/open.ts';
import { NeoError } from '../core/errors.ts';
import { formatCounted } from '../core/format.ts';
import { filterSnapshots } from '../snapshot/filter.ts';
import { selectSnapshot } from '../snapshot/select.ts';
import { findEntries, type Hit } from '../tasks/find.ts';
import { History, historySource } from '../tasks/history.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';

/** Lines handed over together: each takes a turn of the queue. */
const AT_A_TIME = 500;

export default class Find extends NeoCommand {
  static override summary = 'Find files in all snapshots, also those that were deleted';
  static override description =
    'By patterns as in .gitignore: without a slash they are compared with names, with one with whole paths; one of them ' +
    'has to match. All other conditions have to hold, too. One line for each path and content; --deleted lists what is ' +
    'not there any more, with when it was seen last. Then: neo undelete PATH, neo versions PATH.';
  static override examples = [
    '<%= config.bin %> find "*.odt" --deleted',
    '<%= config.bin %> find -i "report*" --newer "3 months ago" --size +10k',
    '<%= config.bin %> find "/home/ann/**/photos/*.jpg" --host laptop --json',
    '<%= config.bin %> find --regex "invoice-20(24|25)" --type f --snapshot latest',
  ];
  static override strict = false;
  static override args = { pattern: Args.string({ required: false, description: 'Such as "*.odt".' }) };
  static override flags = findFlags;

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Find);
    const options = await findOptions(flags, argv.map(String));
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const searched = filterSnapshots(look.snapshots, searchedSnapshots(flags));
    const chosen =
      flags.snapshot === undefined ? searched : [selectSnapshot(searched, flags.snapshot, undefined, look)];
    const history = await History.open(historySource(repository, look), this.events, this.signal);
    const { hits, unreadable } = findEntries(history, chosen, options);
    this.endProgress();
    const count = await (this.out.json ? this.#objects(hits) : this.#lines(hits));
    await this.out.object('summary', { hits: count, snapshots: chosen.length });
    if (count === 0) this.out.note('nothing was found');
    if (unreadable > 0) {
      const directories = formatCounted(unreadable, 'directory', 'directories');
      throw new NeoError('integrity', `${directories} cannot be read`, { hint: 'see: neo check' });
    }
  }

  async #objects(hits: Iterable<Hit>): Promise<number> {
    let count = 0;
    for (const hit of hits) {
      count += 1;
      await this.out.object('hit', hitJson(hit));
    }
    return count;
  }

  async #lines(hits: Iterable<Hit>): Promise<number> {
    let count = 0;
    let lines = [hitHeader];
    for (const hit of hits) {
      count += 1;
      lines.push(hitLine(hit));
      if (lines.length < AT_A_TIME) continue;
      await this.out.line(lines.join('\n'));
      lines = [];
    }
    if (count > 0 && lines.length > 0) await this.out.line(lines.join('\n'));
    return count;
  }
}
