import * as Args from '@oclif/core/args';
import { NeoCommand } from '../cli/base-command.ts';
import type { RepositoryFlags } from '../cli/flags.ts';
import { openFromFlags } from '../cli/open.ts';
import { isScreen } from '../cli/screen.ts';
import { openShareFile, shareFlag } from '../cli/share.ts';
import { utf8 } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { loadKnownIndex } from '../repo/indexed.ts';
import { selectSnapshot, splitReference } from '../snapshot/select.ts';
import { readFileContent } from '../tasks/contents.ts';
import { listNodes } from '../tasks/list.ts';
import { pathInShare, sharedSnapshot } from '../tasks/shared.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';

export default class Browse extends NeoCommand {
  static override summary = 'Look through snapshots on the terminal';
  static override description =
    'Snapshots, newest first; Enter opens one, then its directories and files, Esc goes back, ? shows all keys, q leaves. ' +
    'Nothing is changed. In scripts: neo snapshots, neo ls, neo cat.';
  static override examples = [
    '<%= config.bin %> browse',
    '<%= config.bin %> browse latest:/home/ann/work',
    '<%= config.bin %> browse --share talk.share',
  ];
  static override args = {
    snapshot: Args.string({ description: 'SNAPSHOT or SNAPSHOT:PATH to begin with; with --share a path in it.' }),
  };
  static override flags = { share: shareFlag([]) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Browse);
    if (this.out.json || !isScreen()) {
      throw new NeoError('usage', 'browse needs a terminal', { hint: 'in scripts: neo snapshots, neo ls, neo cat' });
    }
    const pages = await (flags.share === undefined
      ? this.#ofRepository(args.snapshot, flags)
      : this.#ofShare(flags.share, args.snapshot, flags));
    this.endProgress();
    // React is loaded by this command alone.
    const { browsePages } = await import('../ui/browser.tsx');
    await browsePages(pages);
  }

  async #ofRepository(reference: string | undefined, flags: RepositoryFlags) {
    const { repository, state, location } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const chosen = reference === undefined ? undefined : splitReference(reference);
    const { pathPage, snapshotPage, snapshotsPage } = await import('../ui/snapshot-pages.ts');
    const library = libraryOf(await loadKnownIndex(repository, state));
    const listed = look.snapshots.filter(({ body }) => body.kind !== 'stash').toReversed();
    const all = snapshotsPage(library, location.location, listed);
    if (chosen === undefined) return [all];
    const snapshot = selectSnapshot(look.snapshots, chosen.snapshot, undefined, look);
    if (chosen.path === undefined) return [all, snapshotPage(library, snapshot)];
    return [all, pathPage(library, snapshot, chosen.path, snapshot.name.slice(0, 8))];
  }

  async #ofShare(share: string, path: string | undefined, flags: RepositoryFlags) {
    const { source, body, file } = await openShareFile(share, flags, this.out);
    const { pathPage } = await import('../ui/snapshot-pages.ts');
    return [pathPage(libraryOf(source), sharedSnapshot(file.share, body), pathInShare(path) ?? utf8('/'), 'share')];
  }
}

type Source = Parameters<typeof listNodes>[0];

function libraryOf(source: Source): import('../ui/snapshot-pages.ts').Library {
  return {
    entries: (snapshot, path, events) => listNodes(source, snapshot, { recursive: false, path }, events),
    content: (snapshot, path) => readFileContent(source, snapshot, path),
  };
}
