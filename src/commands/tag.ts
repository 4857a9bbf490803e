import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { openFromFlags } from '../cli/open.ts';
import { requireReferences, rewriteArgs, rewriteFlags, rewriteWishes } from '../cli/rewrite-flags.ts';
import { rewriteJson, rewriteLine, rewriteSummaryJson, rewriteSummaryText } from '../cli/rewrite-report.ts';
import { NeoError } from '../core/errors.ts';
import { loadIndex } from '../repo/indexed.ts';
import { selectSnapshot } from '../snapshot/select.ts';
import { rewriteSnapshots } from '../tasks/rewrite.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';

const many = { multiple: true, multipleNonGreedy: true, helpValue: 'TAG[,TAG]' } as const;

export default class Tag extends NeoCommand {
  static override summary = 'Change the tags of snapshots';
  static override description =
    'A snapshot is never changed: it is made anew with other tags, under another id, and counts as old as it is; the ' +
    'original goes to the trash. Nothing of what it holds is stored again. A pin goes over to the new one.';
  static override examples = [
    '<%= config.bin %> tag latest --add release',
    '<%= config.bin %> tag 2829f3c9 latest~3 --remove draft --add final,checked',
    '<%= config.bin %> tag --all --set "" --dry-run',
  ];
  static override strict = false;
  static override args = rewriteArgs;
  static override flags = {
    add: Flags.string({ ...many, summary: 'They get this tag.' }),
    remove: Flags.string({ ...many, summary: 'They lose this tag.' }),
    set: Flags.string({ ...many, summary: 'They have this tag, and no others but what else is set.' }),
    ...rewriteFlags,
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Tag);
    const tags = tagChange(flags);
    const references = argv.map(String);
    requireReferences(references, flags.all);
    const { repository, state } = await openFromFlags(flags, this.out);
    const look = await lookAtSnapshots(repository, state, this.events);
    const named = references.map((reference) => selectSnapshot(look.snapshots, reference, undefined, look));
    const options = {
      ...rewriteWishes(flags),
      look,
      snapshots: flags.all ? look.snapshots : [...new Set(named)],
      changes: { tags },
    };
    const summary = await rewriteSnapshots(await loadIndex(repository), state, options, this.events, this.signal);
    this.endProgress();
    for (const one of summary.rewritten) await this.out.record('rewritten', rewriteJson(one), rewriteLine(one));
    const { dryRun } = options;
    await this.out.record('summary', rewriteSummaryJson(summary, dryRun), rewriteSummaryText(summary, dryRun));
  }
}

interface TagFlags {
  readonly add?: string[] | undefined;
  readonly remove?: string[] | undefined;
  readonly set?: string[] | undefined;
}

/** @throws NeoError usage when nothing is asked for */
function tagChange({ add, remove, set }: TagFlags): (tags: readonly string[]) => readonly string[] {
  if (add === undefined && remove === undefined && set === undefined) {
    throw new NeoError('usage', 'which tags?', { hint: 'such as: neo tag latest --add release' });
  }
  if (set !== undefined && (add !== undefined || remove !== undefined)) {
    throw new NeoError('usage', '--set goes with neither --add nor --remove');
  }
  const words = (lists: readonly string[] | undefined): string[] =>
    (lists ?? []).flatMap((list) => list.split(',')).filter((tag) => tag !== '');
  if (set !== undefined) return () => [...new Set(words(set))];
  const [more, less] = [words(add), words(remove)];
  return (tags) => [...new Set([...tags.filter((tag) => !less.includes(tag)), ...more])];
}
