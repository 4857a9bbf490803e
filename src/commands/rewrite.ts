import { availableParallelism } from 'node:os';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { openFromFlags } from '../cli/open.ts';
import { reportRekey, requireNoneFailed } from '../cli/rekey-report.ts';
import { requireReferences, rewriteArgs, rewriteFlags, rewriteWishes } from '../cli/rewrite-flags.ts';
import { rewriteJson, rewriteLine, rewriteSummaryJson, rewriteSummaryText } from '../cli/rewrite-report.ts';
import { parseWhen } from '../cli/when.ts';
import { displayBytes, toByteString } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { formatCounted } from '../core/format.ts';
import type { ClientState } from '../repo/client-state.ts';
import { type IndexedRepository, loadIndex } from '../repo/indexed.ts';
import { selectSnapshot } from '../snapshot/select.ts';
import { type RekeyOptions, rekeySnapshots } from '../tasks/rekey.ts';
import { type RewriteOptions, rewriteSnapshots } from '../tasks/rewrite.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';

const many = { multiple: true, multipleNonGreedy: true, helpValue: 'PATTERN' } as const;

export default class Rewrite extends NeoCommand {
  static override summary = 'Make snapshots anew without some paths, or with another host, time or label';
  static override description =
    'For what should not have been saved, such as a password. Paths that match --exclude are dropped, and small files ' +
    'that were stored together with them are stored anew without them. The originals go to the trash. Their bytes are ' +
    'gone when no snapshot, stash or trash has them any more and `neo prune --max-unused 0` has run: with --trash 0, ' +
    '`neo trash --empty` and `--sole-writer --grace 0` at once. Where else a file lies: neo find NAME, neo find --content. ' +
    '--rekey moves snapshots and stashes to the content secrets that `neo key rotate --content` has made: without names ' +
    'all of them. Nothing in them changes. It can be stopped, and goes on when it is said again.';
  static override examples = [
    '<%= config.bin %> rewrite --all --exclude /home/ann/work/secrets.env --dry-run',
    '<%= config.bin %> rewrite --all --exclude "*.pem" --trash 0',
    '<%= config.bin %> rewrite latest --host laptop --label "after the move"',
    '<%= config.bin %> rewrite --rekey --dry-run',
  ];
  static override strict = false;
  static override args = rewriteArgs;
  static override flags = {
    exclude: Flags.string({ ...many, char: 'e', summary: 'Drop what matches (gitignore syntax).' }),
    iexclude: Flags.string({ ...many, summary: 'As --exclude, in upper or lower case.' }),
    host: Flags.string({ helpValue: 'NAME', summary: 'They are of this host.' }),
    time: Flags.string({ helpValue: 'TIME', summary: 'They were taken then.' }),
    label: Flags.string({ helpValue: 'TEXT', summary: 'They are called so; "" for nothing.' }),
    description: Flags.string({ helpValue: 'TEXT', summary: 'They are described so; "" for nothing.' }),
    rekey: Flags.boolean({
      exclusive: ['exclude', 'iexclude', 'host', 'time', 'label', 'description'],
      summary: 'Seal them under the content secrets in force, and change nothing else.',
    }),
    ...rewriteFlags,
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Rewrite);
    const references = argv.map(String);
    const isAll = flags.all || (flags.rekey && references.length === 0);
    requireReferences(references, isAll);
    const changes = flags.rekey ? undefined : await changesOf(flags);
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const named = references.map((reference) => selectSnapshot(look.snapshots, reference, undefined, look));
    const chosen = { ...rewriteWishes(flags), look, snapshots: isAll ? look.snapshots : [...new Set(named)] };
    const opened = { repository: await loadIndex(repository), state };
    if (changes === undefined) await this.#rekey(opened, chosen);
    else await this.#change(opened, { ...chosen, changes });
  }

  async #rekey({ repository, state }: OpenedIndex, wishes: Omit<RekeyOptions, 'workers'>): Promise<void> {
    const options = { ...wishes, workers: availableParallelism() };
    const summary = await rekeySnapshots(repository, state, options, this.events, this.signal);
    this.endProgress();
    await reportRekey(this.out, summary, { dryRun: options.dryRun, contentEpoch: repository.config.contentEpoch });
    const { removed, shares } = options.look;
    if (summary.blobs > 0 && removed.length > 0) {
      this.out.note(`${formatCounted(removed.length, 'snapshot')} in the trash stay as they are: neo trash --empty`);
    }
    if (summary.blobs > 0 && shares.length > 0) {
      this.out.note(`${formatCounted(shares.length, 'share')} stay as they are: see neo share list`);
    }
    requireNoneFailed(summary);
  }

  async #change({ repository, state }: OpenedIndex, wishes: RewriteOptions): Promise<void> {
    const { changes, look } = wishes;
    const dropped: Uint8Array[] = [];
    const options = { ...wishes, onDropped: (path: Uint8Array) => dropped.push(path) };
    const summary = await rewriteSnapshots(repository, state, options, this.events, this.signal);
    this.endProgress();
    const { dryRun } = options;
    const paths = new Map(dropped.map((path) => [displayBytes(path), path]));
    for (const [text, path] of [...paths].sort(([a], [b]) => (a < b ? -1 : 1))) {
      await this.out.record('dropped', { path: toByteString(path) }, `${dryRun ? 'would drop' : 'dropped'} ${text}`);
    }
    for (const one of summary.rewritten) await this.out.record('rewritten', rewriteJson(one), rewriteLine(one));
    const body = { ...rewriteSummaryJson(summary, dryRun), dropped: paths.size };
    await this.out.record('summary', body, rewriteSummaryText(summary, dryRun));
    if (look.shares.length > 0 && (changes.exclude ?? changes.iexclude) !== undefined) {
      this.out.note(`${formatCounted(look.shares.length, 'share')} not looked at: see neo share list`);
    }
    if (paths.size > 0 && look.removed.length > 0) {
      this.out.note(
        `${formatCounted(look.removed.length, 'snapshot')} in the trash were not looked at: neo trash --empty`,
      );
    }
    if (paths.size > 0 && !dryRun)
      this.out.note('their bytes go with neo prune --max-unused 0, once the originals are out of the trash');
  }
}

interface OpenedIndex {
  readonly repository: IndexedRepository;
  readonly state: ClientState;
}

interface ChangeFlags {
  readonly exclude?: string[] | undefined;
  readonly iexclude?: string[] | undefined;
  readonly host?: string | undefined;
  readonly time?: string | undefined;
  readonly label?: string | undefined;
  readonly description?: string | undefined;
}

/** @throws NeoError usage when nothing is asked for */
async function changesOf({ exclude, iexclude, host, time, label, description }: ChangeFlags) {
  const changes = {
    ...(exclude === undefined ? {} : { exclude }),
    ...(iexclude === undefined ? {} : { iexclude }),
    ...(host === undefined ? {} : { host }),
    ...(time === undefined ? {} : { time: (await parseWhen(time, new Date())).getTime() }),
    ...(label === undefined ? {} : { label }),
    ...(description === undefined ? {} : { description }),
  };
  if (Object.keys(changes).length > 0) return changes;
  throw new NeoError('usage', 'what is to change?', { hint: 'such as --exclude PATTERN; see --help' });
}
