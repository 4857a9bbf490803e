import { availableParallelism } from 'node:os';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { reportCheck } from '../cli/check-report.ts';
import { openFromFlags } from '../cli/open.ts';
import { loadIndex } from '../repo/indexed.ts';
import { type CheckOptions, check } from '../tasks/check.ts';
import { parseSubset } from '../tasks/check-subset.ts';
import { confirmSnapshots } from '../tasks/confirm.ts';

export default class Check extends NeoCommand {
  static override summary = 'Check that everything is there that the snapshots need';
  static override description =
    'Without options: every blob of every snapshot is in the index and in a pack of the right length, and nothing that ' +
    'was there before is gone. With --read-data all packs are read, decrypted and compared with their names. Damage is ' +
    'named with the snapshots and paths that it touches, and ends with code 15; all else can still be restored.';
  static override examples = [
    '<%= config.bin %> check',
    '<%= config.bin %> check --read-data',
    '<%= config.bin %> check --read-data-subset 5%',
    '<%= config.bin %> check --read-data-subset 1/7',
    '<%= config.bin %> check --confirm',
    '<%= config.bin %> check --read-data --confirm',
  ];
  static override flags = {
    confirm: Flags.boolean({
      summary:
        'Let snapshots that came late count like all others, if all that they refer to is there; with --read-data, let ' +
        'others deduplicate against what write-only clients stored, where it is right.',
    }),
    'read-data': Flags.boolean({ summary: 'Read and verify every pack.' }),
    'read-data-subset': Flags.string({
      summary: 'Read some: 10% or 500M, drawn anew each time, or 1/7 … 7/7, which together are everything.',
      helpValue: 'SUBSET',
      exclusive: ['read-data'],
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Check);
    const subset = flags['read-data-subset'];
    const workers = availableParallelism();
    const some: CheckOptions = subset === undefined ? { workers } : { workers, readData: parseSubset(subset) };
    const which: CheckOptions = flags['read-data'] ? { workers, readData: 'all' } : some;
    const options = { ...which, vouches: flags.confirm && which.readData !== undefined };
    const { repository, state } = await openFromFlags(flags, this.out);
    const summary = await check(await loadIndex(repository, 0), state, options, this.events, this.signal);
    const confirmed = flags.confirm ? await confirmSnapshots(repository, state, { workers }, this.events) : undefined;
    this.endProgress();
    await reportCheck(this.out, summary, confirmed);
    if ((confirmed?.refused.length ?? 0) > 0) this.exitWith(3);
  }
}
