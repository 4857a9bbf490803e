/** Flags of what copies snapshots between repositories. */
import * as Flags from '@oclif/core/flags';

const many = { multiple: true, multipleNonGreedy: true } as const;

export const copyFilterFlags = {
  host: Flags.string({ ...many, helpValue: 'NAME', summary: 'Only those of this host.' }),
  tag: Flags.string({ ...many, helpValue: 'TAG[,TAG]', summary: 'Only those with this tag, or with all of these.' }),
  path: Flags.string({ ...many, helpValue: 'PATH', summary: 'Only those in which this path can lie.' }),
};
