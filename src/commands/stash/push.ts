import { hostname, userInfo } from 'node:os';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { openFromFlags, openOrCreate } from '../../cli/open.ts';
import { threads } from '../../cli/threads.ts';
import { utf8 } from '../../core/bytes.ts';
import { formatBytes, formatCounted } from '../../core/format.ts';
import { backup } from '../../tasks/backup.ts';
import { resolveSources } from '../../tasks/selection.ts';

export default class StashPush extends NeoCommand {
  static override summary = 'Keep files and directories as they are now, beside all snapshots and rules';
  static override description =
    'A stash stays until it is dropped: no rule of `neo forget` removes it. What it holds is stored once, however many ' +
    'snapshots and stashes have it. Nothing is left out by ignore files: what is named is kept, and if a part ' +
    'of it cannot be read nothing is.';
  static override examples = [
    '<%= config.bin %> stash push report.odt',
    '<%= config.bin %> stash push src notes.txt -m "before the rewrite"',
  ];
  static override strict = false;
  static override args = { path: Args.string({ required: true, description: 'What to keep.' }) };
  static override flags = {
    message: Flags.string({ char: 'm', helpValue: 'TEXT', summary: 'Why, for the list.' }),
    host: Flags.string({ helpValue: 'NAME', summary: 'Instead of the name of this machine.' }),
    'dry-run': Flags.boolean({ char: 'n', summary: 'Store nothing, only say how much it would be.' }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(StashPush);
    const { message } = flags;
    const dryRun = flags['dry-run'];
    const sources = resolveSources(
      argv.map((path) => utf8(String(path))),
      process.cwd(),
    );
    const open = dryRun ? openFromFlags : openOrCreate;
    const { repository, state } = await open(flags, this.out);
    const { username, uid } = userInfo();
    const options = {
      sources,
      kind: 'stash' as const,
      filter: () => undefined,
      oneFileSystem: false,
      host: flags.host ?? hostname(),
      user: username,
      uid,
      tags: [],
      ...(message === undefined ? {} : { description: message }),
      excludes: [],
      program: this.config.userAgent,
      force: false,
      rules: { ignoreInode: false, ignoreCtime: false },
      skipIfUnchanged: false,
      dryRun,
      withAtime: false,
      ...threads(),
    };
    const summary = await backup(repository, state, options, this.events, this.signal);
    this.endProgress();
    const files = summary.filesNew + summary.filesChanged + summary.filesUnmodified;
    const { snapshot, bytesProcessed, bytesAdded, bytesStored } = summary;
    const what = `${formatCounted(files, 'file')} of ${formatBytes(bytesProcessed)}`;
    const body = { snapshot: snapshot ?? null, files, bytesProcessed, bytesAdded, bytesStored, dryRun };
    const name = snapshot === undefined ? '' : ` as ${snapshot.slice(0, 8)}`;
    await this.out.record('summary', body, `${dryRun ? 'would stash' : 'stashed'} ${what}${name}`);
  }
}
