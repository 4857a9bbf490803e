/** `--role`: what somebody may do in a target. Each command says whose it is. */
import * as Flags from '@oclif/core/flags';
import { ROLES } from '../protocol/control.ts';

export const roleFlag = Flags.option({
  options: ROLES,
  helpValue: 'ROLE',
  description:
    'Each may do what those before it may. read: restore; append: make snapshots; write: forget them; prune: remove for ' +
    'good what nothing needs; admin: all, and manage the account.',
});
