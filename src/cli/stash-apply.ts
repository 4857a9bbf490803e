/** What `neo stash apply` and `neo stash pop` have in common. */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';

export const applyArgs = {
  stash: Args.string({ default: '0', description: 'Number in the list, or start of an id.' }),
};

export const applyFlags = {
  overwrite: Flags.boolean({ summary: 'Also where the disk has a content that is saved nowhere.' }),
  'dry-run': Flags.boolean({ char: 'n', summary: 'Say what would be done, and do nothing.' }),
};
