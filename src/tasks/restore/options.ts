/** What a restore can be asked for. */
import type { TargetSystem } from '../../fs/target-names.ts';
import type { SnapshotBody } from '../../snapshot/snapshot.ts';
import type { LoadBlob } from '../../snapshot/tree.ts';
import type { Overwrite, RestoreAction } from './context.ts';
import type { Destination } from './destination.ts';

export interface RestoreOptions {
  readonly snapshot: SnapshotBody;
  /** Part of the snapshot: an absolute path in it. */
  readonly path?: Uint8Array;
  readonly destination: Destination;
  /**
   * What is done about existing files. 'if-changed' (default): those of the same size and mtime are right, others are
   * compared, and only chunks that differ are read from the repository. 'always': all are compared. 'if-newer': files
   * whose mtime is not older than the snapshot's stay. 'never': what exists stays.
   */
  readonly overwrite?: Overwrite;
  /** Patterns on paths in the snapshot (fs/ignore-filter.ts). */
  readonly include?: readonly (string | Uint8Array)[];
  readonly exclude?: readonly (string | Uint8Array)[];
  readonly iexclude?: readonly (string | Uint8Array)[];
  /** Entries of the target that are not in the snapshot are removed, within what the snapshot is of. */
  readonly delete?: boolean;
  /** Many deletions are meant, and so is a target that looks like something else. */
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  /** Everything is read again after it was written, and what exists is compared whatever its times. */
  readonly verify?: boolean;
  readonly sparse?: boolean;
  /** Removes leftovers of an interrupted restore from directories that exist. */
  readonly resume?: boolean;
  readonly ownership?: boolean;
  readonly numericIds?: boolean;
  readonly devices?: boolean;
  /** Names that the target's file system does not take are escaped, and those that it takes for one are kept apart. */
  readonly targetSystem?: TargetSystem;
  readonly securityAttributes?: boolean;
  /** Files are flushed to the disk before they get their names. */
  readonly sync?: boolean;
  /** 0: all in this thread. Default 2. */
  readonly workers?: number;
  /** So many bytes are written in this thread before others are started, which takes longer. Default 0. */
  readonly threadsAfter?: number;
  /** With `dryRun`: what would be done. */
  readonly onAction?: (action: RestoreAction) => void;
  /** Trees and lists, for tests of what no honest repository holds. */
  readonly load?: LoadBlob;
}
