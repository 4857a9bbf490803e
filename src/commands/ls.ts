import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import type { RepositoryFlags } from '../cli/flags.ts';
import { LongLines, nodeJson } from '../cli/node-lines.ts';
import { openFromFlags } from '../cli/open.ts';
import { openShareFile, shareFlag } from '../cli/share.ts';
import { untilFilter } from '../cli/until.ts';
import { displayBytes } from '../core/bytes.ts';
import { loadKnownIndex } from '../repo/indexed.ts';
import { selectSnapshot, splitReference } from '../snapshot/select.ts';
import { listNodes } from '../tasks/list.ts';
import { pathInShare, sharedSnapshot } from '../tasks/shared.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';

export default class Ls extends NeoCommand {
  static override summary = 'List what is in a snapshot';
  static override description =
    'Without a path: what lies directly in the directories that the snapshot took. Paths are absolute, as they were ' +
    'saved. Signs in names that a terminal would obey, and bytes that are no UTF-8, are shown as \\xHH; a path may be ' +
    'given in that form.';
  static override examples = [
    '<%= config.bin %> ls latest',
    '<%= config.bin %> ls -l latest:/home/ann/work',
    '<%= config.bin %> ls -r --at yesterday --json',
    '<%= config.bin %> ls -l --share talk.share',
  ];
  static override args = {
    snapshot: Args.string({
      description: 'SNAPSHOT or SNAPSHOT:PATH; the start of an id, latest (as without it), latest~2 …',
    }),
  };
  static override flags = {
    long: Flags.boolean({ char: 'l', summary: 'Mode, links, owner, group, size and time as well.' }),
    recursive: Flags.boolean({ char: 'r', summary: 'All that lies below, too.' }),
    at: Flags.string({ helpValue: 'TIME', summary: 'The last snapshot not after this time.' }),
    share: shareFlag(['at']),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Ls);
    const { source, snapshot, path } =
      flags.share === undefined
        ? await this.#ofSnapshot(args.snapshot ?? 'latest', flags)
        : await this.#ofShare(flags.share, args.snapshot, flags);
    const options = { recursive: flags.recursive, ...(path === undefined ? {} : { path }) };
    const long = new LongLines();
    let nodes = 0;
    for await (const { path: at, node } of listNodes(source, snapshot, options, this.events)) {
      nodes += 1;
      if (this.out.json) await this.out.object('node', nodeJson(at, node));
      else await this.out.line(flags.long ? long.line(at, node) : displayBytes(at));
    }
    await this.out.object('summary', { snapshot: snapshot.name, nodes });
  }

  async #ofSnapshot(argument: string, flags: RepositoryFlags & { readonly at?: string | undefined }) {
    const until = await untilFilter(flags.at);
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const { snapshot: reference, path } = splitReference(argument);
    const snapshot = selectSnapshot(look.snapshots, reference, until, look);
    return { source: await loadKnownIndex(repository, state), snapshot, path };
  }

  async #ofShare(share: string, path: string | undefined, flags: RepositoryFlags) {
    const { source, body, file } = await openShareFile(share, flags, this.out);
    return { source, snapshot: sharedSnapshot(file.share, body), path: pathInShare(path) };
  }
}
