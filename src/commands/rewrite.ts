import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { formatCounted } from '../cli/format.ts';
import { openFromFlags } from '../cli/open.ts';
import { requireReferences, rewriteArgs, rewriteFlags, rewriteWishes } from '../cli/rewrite-flags.ts';
import { rewriteJson, rewriteLine, rewriteSummaryJson, rewriteSummaryText } from '../cli/rewrite-report.ts';
import { parseWhen } from '../cli/when.ts';
import { displayBytes, toByteString } from '../core/bytes.ts';
import { NeoError } from '../core/errors.ts';
import { loadIndex } from '../repo/indexed.ts';
import { selectSnapshot } from '../snapshot/select.ts';
import { rewriteSnapshots } from '../tasks/rewrite.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';

const many = { multiple: true, multipleNonGreedy: true, helpValue: 'PATTERN' } as const;

export default class Rewrite extends NeoCommand {
  static override summary = 'Make snapshots anew without some paths, or with another host, time or label';
  static override description =
    'For what should not have been saved, such as a password. Paths that match --exclude are dropped, and small files ' +
    'that were stored together with them are stored anew without them. The originals go to the trash. Their bytes are ' +
    'gone when no snapshot, stash or trash has them any more and `neo prune --max-unused 0` has run: with --trash 0, ' +
    '`neo trash --empty` and `--sole-writer --grace 0` at once. Where else a file lies: neo find NAME, neo find --content.';
  static override examples = [
    '<%= config.bin %> rewrite --all --exclude /home/ann/work/secrets.env --dry-run',
    '<%= config.bin %> rewrite --all --exclude "*.pem" --trash 0',
    '<%= config.bin %> rewrite latest --host laptop --label "after the move"',
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
    ...rewriteFlags,
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Rewrite);
    const changes = await changesOf(flags);
    const references = argv.map(String);
    requireReferences(references, flags.all);
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const named = references.map((reference) => selectSnapshot(look.snapshots, reference, undefined, look));
    const dropped: Uint8Array[] = [];
    const options = {
      ...rewriteWishes(flags),
      look,
      snapshots: flags.all ? look.snapshots : [...new Set(named)],
      changes,
      onDropped: (path: Uint8Array) => dropped.push(path),
    };
    const summary = await rewriteSnapshots(await loadIndex(repository), state, options, this.events, this.signal);
    this.endProgress();
    const { dryRun } = options;
    const paths = new Map(dropped.map((path) => [displayBytes(path), path]));
    for (const [text, path] of [...paths].sort(([a], [b]) => (a < b ? -1 : 1))) {
      await this.out.record('dropped', { path: toByteString(path) }, `${dryRun ? 'would drop' : 'dropped'} ${text}`);
    }
    for (const one of summary.rewritten) await this.out.record('rewritten', rewriteJson(one), rewriteLine(one));
    const body = { ...rewriteSummaryJson(summary, dryRun), dropped: paths.size };
    await this.out.record('summary', body, rewriteSummaryText(summary, dryRun));
    if (look.shares.length > 0 && (flags.exclude ?? flags.iexclude) !== undefined) {
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
