/** What `neo tag` and `neo rewrite` have in common: which snapshots, and what becomes of them. */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { NeoError } from '../core/errors.ts';

const DAY = 86_400_000;

export const rewriteArgs = {
  snapshot: Args.string({ required: false, description: 'These: the start of an id, latest, latest~2 …' }),
};

export const rewriteFlags = {
  all: Flags.boolean({ summary: 'All snapshots, in place of some by name.' }),
  'keep-originals': Flags.boolean({ summary: 'Leave what they were made from beside them.' }),
  trash: Flags.integer({
    min: 0,
    max: 3650,
    default: 7,
    helpValue: 'DAYS',
    summary: 'How long `neo undo` can bring the originals back for sure; 0 for not at all.',
  }),
  'dry-run': Flags.boolean({ char: 'n', summary: 'Only say what would be made anew.' }),
};

/** @throws NeoError usage when it is not clear which are meant */
export function requireReferences(references: readonly string[], isAll: boolean): void {
  if (references.length === 0 && !isAll) {
    throw new NeoError('usage', 'no snapshot is named', { hint: 'name some, or say --all' });
  }
  if (references.length > 0 && isAll) throw new NeoError('usage', 'either some by name, or --all');
}

/** As tasks/rewrite.ts takes them. */
export function rewriteWishes(flags: {
  readonly 'keep-originals': boolean;
  readonly trash: number;
  readonly 'dry-run': boolean;
}) {
  return { keepOriginals: flags['keep-originals'], trash: flags.trash * DAY, dryRun: flags['dry-run'] };
}
