import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { reportCopy } from '../cli/copy-report.ts';
import { openFromFlags } from '../cli/open.ts';
import { openOther, otherFlags } from '../cli/other-repository.ts';
import { utf8 } from '../core/bytes.ts';
import { loadIndex } from '../repo/indexed.ts';
import { filterSnapshots } from '../snapshot/filter.ts';
import { selectSnapshot } from '../snapshot/select.ts';
import { copySnapshots } from '../tasks/copy.ts';
import { lookAtSnapshots } from '../tasks/snapshots.ts';

const many = { multiple: true, multipleNonGreedy: true } as const;

export default class Copy extends NeoCommand {
  static override summary = 'Copy snapshots into another repository';
  static override description =
    'All snapshots and stashes, or those that are named or that the filters keep. What is there already is not copied ' +
    'again, so an interrupted run goes on where it was, and a timer can run it each night. Copies count as old as they ' +
    'were, and the other repository has its own keys and rules. If it was made with `init --copy-secrets-from`, blobs ' +
    'are copied as they lie and nothing is stored twice; otherwise everything is decrypted, cut and sealed anew.';
  static override examples = [
    '<%= config.bin %> copy --to /mnt/usb/neo --other-password-file ~/.usb-password',
    '<%= config.bin %> copy --to mirror latest --dry-run',
    '<%= config.bin %> copy --to mirror --host laptop --tag monthly',
  ];
  static override strict = false;
  static override args = {
    snapshot: Args.string({ required: false, description: 'Only these: the start of an id, latest, latest~2 …' }),
  };
  static override flags = {
    to: Flags.string({
      required: true,
      helpValue: 'LOCATION',
      summary: 'The other repository: a location, or a name from the configuration.',
    }),
    host: Flags.string({ ...many, helpValue: 'NAME', summary: 'Only those of this host.' }),
    tag: Flags.string({ ...many, helpValue: 'TAG[,TAG]', summary: 'Only those with this tag, or with all of these.' }),
    path: Flags.string({ ...many, helpValue: 'PATH', summary: 'Only those in which this path can lie.' }),
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say what would be copied.' }),
    ...otherFlags,
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Copy);
    const dryRun = flags['dry-run'];
    const { repository, state } = await openFromFlags(flags, this.out);
    const other = await openOther(flags.to, flags, this.out);
    const fromLook = await lookAtSnapshots(repository, state, this.events);
    const toLook = await lookAtSnapshots(other.repository, other.state, this.events);
    const named = argv.map((reference) => selectSnapshot(fromLook.snapshots, String(reference), undefined, fromLook));
    const chosen = new Set(argv.length === 0 ? fromLook.snapshots : named);
    const filter = {
      hosts: flags.host ?? [],
      tags: flags.tag ?? [],
      paths: (flags.path ?? []).map((path) => utf8(resolve(path))),
    };
    const options = {
      from: await loadIndex(repository, 0),
      fromLook,
      snapshots: filterSnapshots(
        fromLook.snapshots.filter((snapshot) => chosen.has(snapshot)),
        filter,
      ),
      to: await loadIndex(other.repository),
      toState: other.state,
      toLook,
      dryRun,
      workers: availableParallelism(),
    };
    const summary = await copySnapshots(options, this.events, this.signal);
    this.endProgress();
    await reportCopy(this.out, summary, dryRun);
  }
}
