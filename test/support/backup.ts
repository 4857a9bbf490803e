/** Snapshots of real folders in tests, taken through the same door as the command's. */
import { type EventSink, ignoreEvents } from '../../src/core/events.ts';
import { type ClientState, MemoryState } from '../../src/repo/client-state.ts';
import type { IndexedRepository } from '../../src/repo/indexed.ts';
import { type BackupOptions, type BackupSummary, backup } from '../../src/tasks/backup.ts';

/** One account for every id, so that what is stored does not depend on the machine. */
const nobody = {
  userName: () => undefined,
  groupName: () => undefined,
  userId: () => undefined,
  groupId: () => undefined,
};

export async function backupOf(
  repository: IndexedRepository,
  folder: string,
  options: Partial<BackupOptions> & {
    readonly storedAs?: string;
    readonly state?: ClientState;
    readonly events?: EventSink;
  } = {},
): Promise<BackupSummary> {
  const { storedAs, state, events, ...rest } = options;
  const source = { path: Buffer.from(folder), storedAs: Buffer.from(storedAs ?? folder), named: true };
  return backup(
    repository,
    state ?? new MemoryState(),
    {
      sources: [source],
      filter: () => undefined,
      oneFileSystem: false,
      host: 'host',
      user: 'user',
      tags: [],
      excludes: [],
      program: 'test',
      force: false,
      rules: { ignoreInode: false, ignoreCtime: false },
      skipIfUnchanged: false,
      dryRun: false,
      withAtime: false,
      accounts: nobody,
      workers: 0,
      ...rest,
    },
    events ?? ignoreEvents,
  );
}
