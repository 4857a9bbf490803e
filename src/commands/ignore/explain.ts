import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { selectionFlags, selectionValues } from '../../cli/backup-flags.ts';
import { PlainCommand } from '../../cli/base-command.ts';
import type { JsonBody } from '../../cli/output.ts';
import { displayBytes, toByteString, utf8 } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { type Explanation, explainPaths, type Rule } from '../../tasks/explain.ts';

export default class IgnoreExplain extends PlainCommand {
  static override summary = 'Say which rule keeps a path or leaves it out of snapshots';
  static override description =
    'Give the options that you give to `neo snapshot`. The path is taken for a part of --source; without it, of the ' +
    'working directory, or of / when it does not lie there: then ignore files in all directories on the way count.';
  static override examples = [
    '<%= config.bin %> ignore explain build/main.o',
    '<%= config.bin %> ignore explain --source ~/work --exclude "*.o" ~/work/build/main.o',
    '<%= config.bin %> ignore explain --gitignore node_modules/ --json',
  ];
  static override strict = false;
  static override args = { path: Args.string({ required: false, description: 'What to explain; it need not exist.' }) };
  static override flags = {
    source: Flags.string({ helpValue: 'PATH', summary: 'Path that the snapshot is made of.' }),
    ...selectionFlags,
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(IgnoreExplain);
    const paths = argv.map((path) => utf8(String(path)));
    if (paths.length === 0) throw new NeoError('usage', 'no path to explain', { hint: 'name one or more' });
    const source = flags.source === undefined ? undefined : utf8(flags.source);
    for (const found of explainPaths(paths, process.cwd(), source, selectionValues(flags), this.events)) {
      await this.out.record('explanation', toJson(found), toText(found));
    }
    await this.out.object('summary', { paths: paths.length });
  }
}

function toJson({ path, source, decision, at, rule, blocked, exists }: Explanation): JsonBody {
  const said = rule && {
    kind: rule.kind,
    source: typeof rule.source === 'string' ? rule.source : toByteString(rule.source),
    line: rule.line,
    pattern: toByteString(rule.pattern),
    negated: rule.negated,
  };
  const [shown, from, where] = [path, source, at].map((bytes) => toByteString(bytes));
  return { path: shown, source: from, decision, at: where, blocked, exists, rule: said };
}

const WORDS = { kept: 'kept', 'left-out': 'left out', 'to-reach': 'kept only if something below it is' } as const;

function toText({ path, decision, at, rule, blocked, exists }: Explanation): string {
  const missing = exists ? '' : ' (nothing is there)';
  const because = blocked ? `${displayBytes(at)} is no directory, and links are not followed` : reason(rule);
  const above = !blocked && Buffer.compare(at, path) !== 0 ? `, with all of ${displayBytes(at)}` : '';
  return `${displayBytes(path)}${missing}: ${WORDS[decision]}${above}: ${because}`;
}

function reason(rule: Rule | undefined): string {
  if (rule === undefined) return 'no rule matches';
  if (rule.kind === 'not-included') return 'no --include matches';
  const place = typeof rule.source === 'string' ? rule.source : displayBytes(rule.source);
  const line = rule.line === undefined ? ' ' : `:${rule.line}: `;
  return `${place}${rule.pattern.length === 0 ? '' : line + displayBytes(rule.pattern)}`;
}
