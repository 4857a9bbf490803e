/** What `neo prune` is asked for. */
import * as Flags from '@oclif/core/flags';
import { NeoError } from '../core/errors.ts';
import { parseDuration, parseSize } from '../core/format.ts';

const MAX_UNUSED = {
  summary: 'Leave so much that nobody needs in packs that are needed: 1%, 500M or unlimited.',
  helpValue: 'AMOUNT',
};

export const pruneFlags = {
  'dry-run': Flags.boolean({ char: 'n', summary: 'Only say what would be freed, and what it would cost.' }),
  'max-unused': Flags.string({ ...MAX_UNUSED, default: '1%' }),
  'max-repack-size': Flags.string({ summary: 'Copy at most so much of packs in one run.', helpValue: 'SIZE' }),
  'repack-small': Flags.boolean({ summary: 'Also join small packs.' }),
  grace: Flags.string({
    summary: "Between marking and deleting; at least 10m. The repository's, 24h, if it is not given.",
    helpValue: 'DURATION',
  }),
  wait: Flags.boolean({ summary: 'Stay until what is marked may be deleted, and delete it.' }),
  'sole-writer': Flags.boolean({
    summary: 'I vouch that nothing else writes to the repository: delete at once (allows --grace 0).',
  }),
  'trust-clock': Flags.boolean({ summary: 'Delete though nothing was stored for 30 days: the clock is right.' }),
  yes: Flags.boolean({ char: 'y', summary: 'Do not ask before marking more than half of all packs.' }),
};

/** Packs that are needed in part are left alone unless asked for. */
export const repackFlags = { ...pruneFlags, 'max-unused': Flags.string({ ...MAX_UNUSED, default: 'unlimited' }) };

export interface PruneFlags {
  readonly 'dry-run': boolean;
  readonly 'max-unused': string;
  readonly 'max-repack-size'?: string | undefined;
  readonly 'repack-small': boolean;
  readonly grace?: string | undefined;
  readonly wait: boolean;
  readonly 'sole-writer': boolean;
  readonly 'trust-clock': boolean;
}

/** The part of tasks/prune.ts that flags decide. @throws NeoError usage */
export function pruneOptions(flags: PruneFlags) {
  const repacked = flags['max-repack-size'];
  return {
    mostUnused: parseUnused(flags['max-unused']),
    ...(repacked === undefined ? {} : { mostRepacked: parseSize(repacked) }),
    repackSmall: flags['repack-small'],
    ...(flags.grace === undefined ? {} : { grace: parseGrace(flags.grace) }),
    soleWriter: flags['sole-writer'],
    wait: flags.wait,
    dryRun: flags['dry-run'],
    trustClock: flags['trust-clock'],
  };
}

function parseGrace(text: string): number {
  return /^0[smhd]?$/.test(text.trim()) ? 0 : parseDuration(text);
}

function parseUnused(text: string): { readonly bytes: number } | { readonly share: number } {
  const trimmed = text.trim();
  if (trimmed === 'unlimited') return { bytes: Number.POSITIVE_INFINITY };
  const percent = /^(\d{1,3}(?:\.\d+)?)\s*%$/.exec(trimmed)?.[1];
  if (percent === undefined) return { bytes: parseSize(trimmed) };
  if (Number(percent) <= 100) return { share: Number(percent) / 100 };
  throw new NeoError('usage', `--max-unused ${text}: more than all`, { hint: 'write 1%, 500M or unlimited' });
}
