import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../../cli/base-command.ts';
import { openFromFlags } from '../../cli/open.ts';
import { openOther, otherFlags } from '../../cli/other-repository.ts';
import { reportPackRepair } from '../../cli/repair-report.ts';
import { utf8 } from '../../core/bytes.ts';
import { NeoError } from '../../core/errors.ts';
import { type ObjectName, objectName } from '../../core/ids.ts';
import { loadIndex } from '../../repo/indexed.ts';
import { type RepairPacksOptions, repairPacks } from '../../tasks/repair-packs.ts';

export default class RepairPacks extends NeoCommand {
  static override summary = 'Heal what is damaged or missing in packs';
  static override description =
    'Reads all packs, or those that are named. What snapshots need of a damaged one is stored again: what is whole in ' +
    'it; what another copy of the repository still has (--from: a mirror, or one made with `init --copy-secrets-from`); ' +
    'what files on this machine still hold (--from-path: wherever in the folder they lie now, by their content). ' +
    'Damaged packs are marked, and `neo prune` removes them after the grace. What cannot be healed is named with the ' +
    'snapshots and paths that it touches, and ends with code 15; all else can be restored.';
  static override examples = [
    '<%= config.bin %> repair packs --dry-run',
    '<%= config.bin %> repair packs --from /mnt/mirror/neo --other-password-file ~/.mirror-password',
    '<%= config.bin %> repair packs --from-path ~/work',
    '<%= config.bin %> repair packs 3f0c51d2…',
  ];
  static override strict = false;
  static override args = {
    pack: Args.string({
      required: false,
      description: 'Read only these: names of 64 digits, as neo check prints them.',
    }),
  };
  static override flags = {
    from: Flags.string({ helpValue: 'LOCATION', summary: 'Another repository with the same content secrets.' }),
    'from-path': Flags.string({ helpValue: 'DIR', summary: 'A folder with files that still have the same bytes.' }),
    'dry-run': Flags.boolean({ char: 'n', summary: 'Only say what could be healed.' }),
    ...otherFlags,
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(RepairPacks);
    const read = argv.length === 0 ? 'all' : argv.map((name) => packName(String(name)));
    const dryRun = flags['dry-run'];
    const { repository, state } = await openFromFlags(flags, this.out);
    const other = flags.from === undefined ? undefined : await openOther(flags.from, flags, this.out);
    const options: RepairPacksOptions = {
      read,
      dryRun,
      workers: availableParallelism(),
      ...(other === undefined ? {} : { from: await loadIndex(other.repository, 0) }),
      ...(flags['from-path'] === undefined ? {} : { fromPath: utf8(resolve(flags['from-path'])) }),
    };
    const summary = await repairPacks(await loadIndex(repository), state, options, this.events, this.signal);
    this.endProgress();
    await reportPackRepair(this.out, summary, dryRun);
  }
}

/** With or without the folders that a path has. @throws NeoError usage */
function packName(text: string): ObjectName {
  const name = /^(?:packs\/[0-9a-f]{2}\/)?([0-9a-f]{64})$/.exec(text)?.[1];
  if (name !== undefined) return objectName(name);
  throw new NeoError('usage', `not the name of a pack: ${JSON.stringify(text)}`, {
    hint: 'give its 64 digits, as neo check prints them',
  });
}
