/** What neo and restic both do in a repository that is reached over a network, in this order. */
import { join } from 'node:path';

export type Call = readonly string[];

export interface RemoteOperation {
  readonly name: string;
  /** `to`: where a restore goes. The working folder is the corpus. */
  readonly neo: (to: string) => Call;
  readonly restic: (to: string) => Call;
}

export const REMOTE_OPERATIONS: readonly RemoteOperation[] = [
  { name: 'first snapshot', neo: () => ['snapshot', '-q', '.'], restic: () => ['backup', '-q', '.'] },
  { name: 'unchanged snapshot', neo: () => ['snapshot', '-q', '.'], restic: () => ['backup', '-q', '.'] },
  {
    name: 'restore',
    neo: (to) => ['restore', '-q', 'latest', '--to', to],
    restic: (to) => ['restore', '-q', 'latest', '--target', to],
  },
  {
    name: 'check, all data read',
    neo: () => ['check', '-q', '--read-data'],
    restic: () => ['check', '-q', '--read-data'],
  },
  { name: 'list of snapshots', neo: () => ['snapshots', '-q'], restic: () => ['snapshots', '-q'] },
];

export const PASSWORD = 'correct horse battery staple';
export const LAUNCHER: string = join(import.meta.dirname, '..', 'bin', 'neo.cjs');
