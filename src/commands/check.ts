import { availableParallelism } from 'node:os';
import * as Flags from '@oclif/core/flags';
import { NeoCommand } from '../cli/base-command.ts';
import { reportCheck } from '../cli/check-report.ts';
import { openFromFlags } from '../cli/open.ts';
import { parseDuration, parseSize } from '../core/format.ts';
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
    '<%= config.bin %> check --max-age 30d --budget 2G',
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
    'max-age': Flags.string({
      summary: 'Read the packs that this machine has not read and found right for so long, such as 30d.',
      helpValue: 'TIME',
      exclusive: ['read-data-subset'],
    }),
    budget: Flags.string({
      summary: 'Read no more than this, those first that were read longest ago: a little each night, and all in turn.',
      helpValue: 'SIZE',
      exclusive: ['read-data-subset'],
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Check);
    const workers = availableParallelism();
    const readData = packsToRead(flags);
    const which: CheckOptions = readData === undefined ? { workers } : { workers, readData };
    const options = { ...which, vouches: flags.confirm && which.readData !== undefined };
    const { repository, state } = await openFromFlags(flags, this.out);
    const summary = await check(await loadIndex(repository, 0), state, options, this.events, this.signal);
    const confirmed = flags.confirm ? await confirmSnapshots(repository, state, { workers }, this.events) : undefined;
    this.endProgress();
    await reportCheck(this.out, summary, confirmed);
    if ((confirmed?.refused.length ?? 0) > 0) this.exitWith(3);
  }
}

interface ReadingFlags {
  readonly 'read-data': boolean;
  readonly 'read-data-subset'?: string | undefined;
  readonly 'max-age'?: string | undefined;
  readonly budget?: string | undefined;
}

/** @throws NeoError usage for what is no subset, time or size */
function packsToRead(flags: ReadingFlags): CheckOptions['readData'] {
  const { 'read-data-subset': subset, 'max-age': age, budget } = flags;
  if (subset !== undefined) return parseSubset(subset);
  if (age === undefined && budget === undefined) return flags['read-data'] ? 'all' : undefined;
  return {
    type: 'rolling',
    maxAge: age === undefined ? 0 : parseDuration(age),
    ...(budget === undefined ? {} : { budget: parseSize(budget) }),
  };
}
